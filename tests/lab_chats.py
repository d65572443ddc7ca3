"""People at the lab's Telegram and Discord: what they say and press there, and what they are shown."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from noc.lab.lab import Lab
from noc.lab.standins import CHANNEL, DISCORD, TELEGRAM, TELEGRAM_CHAT

WITHIN_S = 60.0
_EVERY_S = 0.25


@dataclass(frozen=True)
class Said:
    """A message of the bot as it stands now: its number, its text, and the labels of its buttons."""

    number: str
    text: str
    labels: tuple[str, ...]


class Account(Protocol):
    """Somebody at a chat service."""

    @property
    def id(self) -> str:
        """The account's number."""

    def sees(self) -> list[Said]:
        """What the bot has said in the chat of operations, oldest first."""

    def press(self, message: Said, label: str) -> None:
        """Press a button of a message."""


def shown(account: Account, *words: str, label: str = "", within_s: float = WITHIN_S) -> Said:
    """Wait for the newest message that holds all these words and a button of that label."""
    return wait_shown(account.sees, *words, label=label, within_s=within_s)


def wait_shown(look: Callable[[], list[Said]], *words: str, label: str = "", within_s: float = WITHIN_S) -> Said:
    """As `shown`, of whatever is looked at."""
    end = time.monotonic() + within_s
    while True:
        seen = look()
        for message in reversed(seen):
            if all(word in message.text for word in words) and (not label or label in message.labels):
                return message
        told = "\n---\n".join(f"{message.text}\n{list(message.labels)}" for message in seen[-6:])
        assert time.monotonic() < end, f"nobody said {words} with {label or 'any button'}; the bot said:\n{told}"
        time.sleep(_EVERY_S)


@dataclass(frozen=True)
class TelegramAccount:
    """Somebody at Telegram, in the group of operations and alone with the bot."""

    lab: Lab
    id: str

    def say(self, text: str) -> None:
        """Say something to the bot alone."""
        self.lab.stand_in(TELEGRAM, "say", {"from": self.id, "text": text})

    def say_to_all(self, text: str) -> None:
        """Say something in the group of operations."""
        self.lab.stand_in(TELEGRAM, "say", {"from": self.id, "text": text, "chat": TELEGRAM_CHAT})

    def hears(self) -> list[Said]:
        """What the bot has said to this account alone, oldest first."""
        return self._said(int(self.id))

    def sees(self) -> list[Said]:
        """What the bot has said in the group of operations, oldest first."""
        return self._said(TELEGRAM_CHAT)

    def press(self, message: Said, label: str) -> None:
        """Press a button of a message in the group."""
        self._press(TELEGRAM_CHAT, message, label)

    def press_own(self, message: Said, label: str) -> None:
        """Press a button of a message to this account alone."""
        self._press(int(self.id), message, label)

    def told_on_press(self) -> list[str]:
        """What anybody was told who pressed a button, oldest first."""
        return [each["text"] for each in self.lab.stand_in(TELEGRAM, "answers")["result"]]

    def _press(self, chat: int, message: Said, label: str) -> None:
        found = next(each for each in self._messages(chat) if str(each["message_id"]) == message.number)
        [data] = [each["callback_data"] for row in found["keyboard"] for each in row if each["text"] == label]
        press = {"from": self.id, "chat": chat, "message": found["message_id"], "data": data}
        self.lab.stand_in(TELEGRAM, "press", press)

    def _messages(self, chat: int) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.lab.stand_in(TELEGRAM, "messages", {"chat": chat})["result"]
        return [each for each in found if each["from"]["is_bot"]]

    def _said(self, chat: int) -> list[Said]:
        return [
            Said(str(each["message_id"]), each["text"], tuple(key["text"] for row in each["keyboard"] for key in row))
            for each in self._messages(chat)
        ]


@dataclass(frozen=True)
class DiscordAccount:
    """Somebody in the guild at Discord."""

    lab: Lab
    id: str

    def command(self, name: str, **options: str) -> None:
        """Use a slash command in the channel of operations."""
        self.lab.stand_in(DISCORD, "slash", {"user": self.id, "command": name, "options": options})

    def hears(self) -> list[Said]:
        """What the bot has said to somebody alone: whispered in the channel, or directly."""
        return [said for said, message in self._messages() if message["ephemeral"] or message["direct_to"] == self.id]

    def sees(self) -> list[Said]:
        """What the bot has said in the channel of operations, oldest first."""
        return [
            said
            for said, message in self._messages()
            if message["channel"] == str(CHANNEL) and not message["ephemeral"]
        ]

    def press(self, message: Said, label: str) -> None:
        """Press a button of a message."""
        self.lab.stand_in(DISCORD, "press", {"user": self.id, "message": message.number, "label": label})

    def _messages(self) -> list[tuple[Said, dict[str, Any]]]:
        return [
            (Said(each["id"], each["content"], tuple(button["label"] for button in each["buttons"])), each)
            for each in self.lab.stand_in(DISCORD, "messages")
        ]
