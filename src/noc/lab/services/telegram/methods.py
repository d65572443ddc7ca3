"""The API's methods: what the bot may do."""

import re
import secrets
import time
from collections.abc import Callable
from typing import Any

from noc.lab.services.telegram.account import BOT, Account, shown
from noc.lab.services.telegram.forms import Fields, read_commands, read_keyboard, read_text
from noc.lab.services.telegram.refusals import Refused

ANSWER_CHARACTERS = 200
PRESS_S = 60.0
"""How long a press can be answered. The original says only that it is short; this is a guess at it."""
_TOKEN = re.compile(r"[0-9]+:[A-Za-z0-9_-]{35}")
_GIFTS = ("unlimited_gifts", "limited_gifts", "unique_gifts", "premium_subscription", "gifts_from_channels")
_FULL = {"accent_color_id": 0, "max_reaction_count": 11, "accepted_gift_types": dict.fromkeys(_GIFTS, False)}
"""What a chat has besides when it is asked for by itself (https://core.telegram.org/bots/api#chatfullinfo)."""


class Methods:
    """What the bot whose token this is may call; safe for use by several threads."""

    def __init__(self, account: Account, token: str) -> None:
        self._account, self._token = account, token
        self._known: dict[str, Callable[[Fields], Any]] = {
            "getme": lambda _: BOT,
            "getchat": lambda given: {**account.chat(given), **_FULL},
            "getupdates": account.updates.read,
            "deletewebhook": self._delete_webhook,
            "setmycommands": self._set_commands,
            "sendmessage": self._send,
            "editmessagetext": self._edit,
            "answercallbackquery": self._answer,
        }

    def call(self, token: str, method: str, fields: Fields) -> Any:  # noqa: ANN401 - any result
        """Serve a method. Raises Refused."""
        if not _TOKEN.fullmatch(token):
            raise Refused(404, "Not Found")
        if not secrets.compare_digest(token, self._token):
            raise Refused(401, "Unauthorized")
        if (act := self._known.get(method.lower())) is None:
            raise Refused(404, "Not Found: method not found")
        with self._account.changed:
            self._account.calls[method] = self._account.calls.get(method, 0) + 1
            self._refuse(method)
            return act(fields)

    def _refuse(self, method: str) -> None:
        """What a test has asked for."""
        for refusal in self._account.refusals:
            if refusal["method"].lower() == method.lower() and refusal["times"] > 0:
                refusal["times"] -= 1
                raise Refused(refusal["status"], refusal["description"], **refusal.get("parameters", {}))

    def _delete_webhook(self, _given: Fields) -> bool:
        self._account.updates.webhook = False
        return True

    def _set_commands(self, given: Fields) -> bool:
        self._account.commands = read_commands(given)
        return True

    def _send(self, given: Fields) -> dict[str, Any]:
        chat = self._account.chat(given)
        text, keyboard = read_text(given), read_keyboard(given.get("reply_markup"))
        answered = (given.get("reply_parameters") or {}).get("message_id")
        lenient = (given.get("reply_parameters") or {}).get("allow_sending_without_reply")
        if answered is not None and not lenient and (chat["id"], int(answered)) not in self._account.messages:
            raise Refused.bad("message to be replied not found")
        self._account.count(chat)
        said = {"from": BOT, "text": text, "keyboard": keyboard, "entities": given.get("entities", []), "edits": 0}
        return shown(self._account.keep(chat, said))

    def _edit(self, given: Fields) -> dict[str, Any]:
        chat = self._account.chat(given)
        message = self._account.messages.get((chat["id"], int(given.get("message_id", 0))))
        if message is None:
            raise Refused.bad("message to edit not found")
        if message["from"] is not BOT:
            raise Refused.bad("message can't be edited")
        text, keyboard = read_text(given, "MESSAGE_TOO_LONG"), read_keyboard(given.get("reply_markup"))
        if (text, keyboard) == (message["text"], message["keyboard"]):
            words = "specified new message content and reply markup are exactly the same as a current content and reply"
            raise Refused.bad(f"message is not modified: {words} markup of the message")
        new = {"text": text, "keyboard": keyboard, "entities": given.get("entities", [])}
        message.update(new, edits=message["edits"] + 1, history=[*message["history"], (time.time(), text)])
        return shown(message)

    def _answer(self, given: Fields) -> bool:
        press, text = str(given.get("callback_query_id", "")), str(given.get("text", ""))
        if len(text) > ANSWER_CHARACTERS:
            raise Refused.bad("MESSAGE_TOO_LONG")
        if time.monotonic() - self._account.presses.pop(press, 0.0) > PRESS_S:
            raise Refused.bad("query is too old and response timeout expired or query ID is invalid")
        self._account.answers.append({"query": press, "text": text, "alert": bool(given.get("show_alert"))})
        return True
