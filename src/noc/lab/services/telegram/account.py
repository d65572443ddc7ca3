"""One bot, its chats and what was said in them."""

import re
import threading
import time
from collections import deque
from typing import Any

from noc.lab.services.telegram.forms import Fields
from noc.lab.services.telegram.refusals import Refused
from noc.lab.services.telegram.updates import Updates

BOT = {"id": 4242, "is_bot": True, "first_name": "NOC", "username": "clavitor_noc_bot"}
GROUP_MESSAGES, GROUP_S = 20, 60.0


class Account:
    """What both sides, the bot and the people, see and change, while they hold `changed`.

    Attributes:
        changed: held by the one who reads or changes anything here.
        updates: what the bot has not read yet.
        chats: by number.
        messages: by number of the chat, and of the message in it.
        presses: when each was made, by `time.monotonic()`; without those that were answered.
        refusals: what a test has asked for.
        answers: the bot's answers to presses.
        commands: the bot's commands.
        calls: how often each method was called.
    """

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.updates = Updates(self.changed)
        self.chats: dict[int, dict[str, Any]] = {}
        self.messages: dict[tuple[int, int], dict[str, Any]] = {}
        self.presses: dict[str, float] = {}
        self.refusals: list[dict[str, Any]] = []
        self.answers: list[dict[str, Any]] = []
        self.commands: list[dict[str, str]] = []
        self.calls: dict[str, int] = {}
        self._sent: dict[int, deque[float]] = {}

    def chat(self, given: Fields) -> dict[str, Any]:
        """The chat that a call of the bot names. Raises Refused where it is not there, or not for the bot any more."""
        wanted = str(given.get("chat_id", ""))
        if not wanted:
            raise Refused.bad("chat_id is empty")
        chat = self.chats.get(int(wanted)) if re.fullmatch(r"-?[0-9]{1,16}", wanted) else None
        if chat is None:
            raise Refused.bad("chat not found")
        if moved := chat.get("moved_to"):
            words = "group chat was upgraded to a supergroup chat"
            raise Refused(400, f"Bad Request: {words}", migrate_to_chat_id=int(moved))
        if why := chat.get("forbidden"):
            raise Refused(403, f"Forbidden: {why}")
        return {key: chat[key] for key in ("id", "type", "title", "first_name") if key in chat}

    def count(self, chat: Fields) -> None:
        """A message of the bot. Raises Refused 429: 20 a minute to a group (https://core.telegram.org/bots/faq)."""
        now, sent = time.monotonic(), self._sent.setdefault(chat["id"], deque())
        while sent and now - sent[0] > GROUP_S:
            sent.popleft()
        if chat["type"] != "private" and len(sent) >= GROUP_MESSAGES:
            wait = int(GROUP_S - (now - sent[0])) + 1
            raise Refused(429, f"Too Many Requests: retry after {wait}", retry_after=wait)
        sent.append(now)

    def keep(self, chat: Fields, said: Fields) -> dict[str, Any]:
        """A new message in a chat."""
        number = 1 + max((known for known_chat, known in self.messages if known_chat == chat["id"]), default=0)
        whole = {"chat": chat, "message_id": number, "date": int(time.time()), "history": [], **said}
        self.messages[chat["id"], number] = whole
        return whole


def shown(message: Fields) -> dict[str, Any]:
    """A message as the API writes it."""
    kept = {key: message[key] for key in ("message_id", "date", "chat", "from", "text")}
    return {**kept, "reply_markup": {"inline_keyboard": message["keyboard"]}} if message["keyboard"] else kept
