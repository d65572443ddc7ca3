"""What a test does as the people, and what it sees of the bot."""

import re
import secrets
import time
from collections.abc import Callable
from typing import Any

from noc.lab.services.telegram.account import BOT, Account, shown
from noc.lab.services.telegram.forms import Fields
from noc.lab.services.telegram.methods import PRESS_S

_COMMAND = re.compile(r"/[A-Za-z0-9_]+(?:@(?P<bot>\w+))?(?:\s|$)")


class SideEntrance:
    """What stands below `/_stand-in/`; safe for use by several threads."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._known: dict[str, Callable[[Fields], Any]] = {
            "say": self._say,
            "press": self._press,
            "chat": self._set_chat,
            "delete": lambda given: bool(account.messages.pop((int(given["chat"]), int(given["message"])), None)),
            "refuse": lambda given: account.refusals.append(dict(given)),
            "webhook": lambda given: setattr(account.updates, "webhook", bool(given["on"])),
            "age": self._age,
            "update": lambda given: account.updates.add(**given),
            "messages": lambda given: self._said(int(given["chat"])),
            "answers": lambda _: account.answers,
            "commands": lambda _: account.commands,
            "calls": lambda _: account.calls,
        }

    def act(self, word: str, given: Fields) -> Any:  # noqa: ANN401 - any JSON value
        """Do as a person, or say what the bot did. Raises KeyError for an unknown word."""
        with self._account.changed:
            return self._known[word](given)

    def _set_chat(self, given: Fields) -> None:
        """A chat that the bot sees: id, type, title; `forbidden` or `moved_to` where it cannot talk there any more."""
        number = int(given["id"])
        self._account.chats[number] = {**self._account.chats.get(number, {}), **given, "id": number}

    def _say(self, given: Fields) -> int:
        """A person says something; to the bot alone where `chat` is missing. It is not shown what is not for it."""
        person, chats = _person(given), self._account.chats
        chat_id = int(given.get("chat", person["id"]))
        if chat_id > 0:
            chats.setdefault(chat_id, {"id": chat_id, "type": "private", "first_name": person["first_name"]})
        kind = chats[chat_id]["type"]
        said = {"from": person, "text": given["text"], "keyboard": [], "edits": 0}
        message = self._account.keep({"id": chat_id, "type": kind}, said)
        message["date"] -= int(given.get("ago_s", 0))
        command = _COMMAND.match(given["text"])
        if kind == "private" or (command and command["bot"] in (None, BOT["username"])):
            self._account.updates.add(message={**shown(message), "entities": []})
        return int(message["message_id"])

    def _press(self, given: Fields) -> str:
        """A person presses a button; whether the message still has it is not looked at, as by the original."""
        message = self._account.messages[int(given["chat"]), int(given["message"])]
        number = str(secrets.randbelow(10**18))
        self._account.presses[number] = time.monotonic()
        press = {"id": number, "from": _person(given), "chat_instance": "1", "data": given["data"]}
        self._account.updates.add(callback_query={**press, "message": shown(message)})
        return number

    def _age(self, _given: Fields) -> None:
        """Let all presses become too old to be answered."""
        self._account.presses = dict.fromkeys(self._account.presses, time.monotonic() - 2 * PRESS_S)

    def _said(self, chat: int) -> list[dict[str, Any]]:
        found = (message for (where, _), message in self._account.messages.items() if where == chat)
        return sorted(found, key=lambda message: int(message["message_id"]))


def _person(given: Fields) -> dict[str, Any]:
    return {"id": int(given["from"]), "is_bot": False, "first_name": given.get("name", f"person {given['from']}")}
