"""A stand-in for Telegram's Bot API (https://core.telegram.org/bots/api): what the bot uses of it, and what it refuses.

One standard-library file, because it is copied to the lab's internet machine and runs there alone. Everything is kept
in memory. docs/stand-ins.md lists each refusal of the original with its source and the test that provokes it.

Beside `/bot<token>/<method>` there is a side entrance, `/_stand-in/<word>`, where a test acts as the people: `say`,
`press`, `chat`, `delete`, `refuse`, `webhook`, `age`, `update`; `messages`, `answers`, `commands` and `calls` show
what the bot did.
"""

import argparse
import json
import re
import secrets
import ssl
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socket import socket
from typing import Any
from urllib.parse import parse_qsl, urlsplit

TEXT_CHARACTERS = 4096
ANSWER_CHARACTERS = 200
DATA_BYTES = 64
QUERY_S = 60.0
"""How long a press can be answered. The original says only that it is short; this is a guess at it."""
GROUP_MESSAGES, GROUP_S = 20, 60.0
BODY_BYTES = 1024 * 1024
LONGEST_POLL_S = 50
KEPT = 10_000
BOT = {"id": 4242, "is_bot": True, "first_name": "NOC", "username": "clavitor_noc_bot"}
_GIFTS = ("unlimited_gifts", "limited_gifts", "unique_gifts", "premium_subscription", "gifts_from_channels")
_FULL = {"accent_color_id": 0, "max_reaction_count": 11, "accepted_gift_types": dict.fromkeys(_GIFTS, False)}
"""What a chat has besides when it is asked for by itself (https://core.telegram.org/bots/api#chatfullinfo)."""
_TOKEN = re.compile(r"[0-9]+:[A-Za-z0-9_-]{35}")
_COMMAND = re.compile(r"/[A-Za-z0-9_]+(?:@(?P<bot>\w+))?(?:\s|$)")
_TAG = re.compile(r"<(?P<end>/?)(?P<name>[a-zA-Z-]*)(?P<rest>[^<>]*)(?P<close>>?)")
_TAGS = frozenset(("b", "strong", "i", "em", "u", "ins", "s", "strike", "del", "a", "code", "pre", "blockquote"))

Fields = Mapping[str, Any]


class Refused(Exception):
    """What the API answers with `ok: false`: the HTTP status, the description, and parameters where it has some."""

    def __init__(self, status: int, description: str, **parameters: int) -> None:
        super().__init__(description)
        self.status, self.description, self.parameters = status, description, parameters

    @classmethod
    def bad(cls, words: str) -> "Refused":
        """The commonest one."""
        return cls(400, f"Bad Request: {words}")

    def document(self) -> dict[str, Any]:
        """As the API writes it."""
        more = {"parameters": self.parameters} if self.parameters else {}
        return {"ok": False, "error_code": self.status, "description": self.description, **more}


def check_html(text: str) -> str:
    """A text without its tags. Raises Refused for what the API cannot parse."""
    opened: list[str] = []
    for tag in _TAG.finditer(text):
        at, name = len(text[: tag.start()].encode()), tag["name"].lower()
        if not tag["close"] and not (tag["rest"] and name not in _TAGS):
            raise Refused.bad(f"can't parse entities: Unclosed start tag at byte offset {at}")
        if not tag["end"]:
            if name not in _TAGS:
                raise Refused.bad(f'can\'t parse entities: Unsupported start tag "{name}" at byte offset {at}')
            opened.append(name)
        elif not opened:
            raise Refused.bad(f"can't parse entities: Unexpected end tag at byte offset {at}")
        elif (expected := opened.pop()) != name:
            words = f'Unmatched end tag at byte offset {at}, expected "</{expected}>", found "</{name}>"'
            raise Refused.bad(f"can't parse entities: {words}")
    if opened:
        raise Refused.bad(f"can't parse entities: Can't find end tag corresponding to start tag \"{opened[-1]}\"")
    return _TAG.sub("", text).replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", '"').replace("&amp;", "&")


def read_keyboard(markup: Any) -> list[list[dict[str, str]]]:  # noqa: ANN401 - what a client sent
    """The rows of an inline keyboard. Raises Refused."""
    rows: list[list[dict[str, str]]] = (markup or {}).get("inline_keyboard", [])
    for button in (button for row in rows for button in row):
        if not button.get("text"):
            raise Refused.bad("text buttons are unallowed in the inline keyboard")
        if not 1 <= len(str(button.get("callback_data", "")).encode()) <= DATA_BYTES:
            raise Refused.bad("BUTTON_DATA_INVALID")
    return rows


class Account:
    """One bot, its chats and what was said in them; safe for use by several threads."""

    def __init__(self, token: str) -> None:
        self._token = token
        self._changed = threading.Condition()
        self._updates: deque[dict[str, Any]] = deque(maxlen=KEPT)
        self._next, self._poll, self._webhook = 1, 0, False
        self._chats: dict[int, dict[str, Any]] = {}
        self._messages: dict[tuple[int, int], dict[str, Any]] = {}
        self._queries: dict[str, float] = {}
        self._sent: dict[int, deque[float]] = {}
        self._refusals: list[dict[str, Any]] = []
        self.answers: list[dict[str, Any]] = []
        self.commands: list[dict[str, str]] = []
        self.calls: dict[str, int] = {}

    def call(self, token: str, method: str, fields: Fields) -> Any:  # noqa: ANN401 - any result
        """Serve a method. Raises Refused."""
        if not _TOKEN.fullmatch(token):
            raise Refused(404, "Not Found")
        if not secrets.compare_digest(token, self._token):
            raise Refused(401, "Unauthorized")
        methods: dict[str, Callable[[Fields], Any]] = {
            "getme": lambda _: BOT,
            "getchat": lambda given: {**self._chat(given), **_FULL},
            "getupdates": self._get_updates,
            "deletewebhook": self._delete_webhook,
            "setmycommands": self._set_commands,
            "sendmessage": self._send,
            "editmessagetext": self._edit,
            "answercallbackquery": self._answer,
        }
        if (act := methods.get(method.lower())) is None:
            raise Refused(404, "Not Found: method not found")
        with self._changed:
            self.calls[method] = self.calls.get(method, 0) + 1
            self._refuse(method)
            return act(fields)

    def _refuse(self, method: str) -> None:
        """What a test has asked for."""
        for refusal in self._refusals:
            if refusal["method"].lower() == method.lower() and refusal["times"] > 0:
                refusal["times"] -= 1
                raise Refused(refusal["status"], refusal["description"], **refusal.get("parameters", {}))

    def _get_updates(self, given: Fields) -> list[dict[str, Any]]:
        if self._webhook:
            words = "can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first"
            raise Refused(409, f"Conflict: {words}")
        offset, limit = int(given.get("offset", 0)), int(given.get("limit", 100))
        while offset > 0 and self._updates and self._updates[0]["update_id"] < offset:
            self._updates.popleft()
        self._poll += 1  # the newest poll ends the one that waits
        mine = self._poll
        self._changed.notify_all()
        end = time.monotonic() + min(int(given.get("timeout", 0)), LONGEST_POLL_S)
        while not self._updates and (left := end - time.monotonic()) > 0:
            self._changed.wait(left)
            if self._poll != mine:
                words = "terminated by other getUpdates request; make sure that only one bot instance is running"
                raise Refused(409, f"Conflict: {words}")
        return list(self._updates)[: max(1, min(limit, 100))]

    def _delete_webhook(self, _given: Fields) -> bool:
        self._webhook = False
        return True

    def _set_commands(self, given: Fields) -> bool:
        commands = list(given.get("commands", []))
        if len(commands) > 100 or not all(re.fullmatch(r"/?[a-z0-9_]{1,32}", each["command"]) for each in commands):
            raise Refused.bad("BOT_COMMAND_INVALID")
        self.commands = commands
        return True

    def _chat(self, given: Fields) -> dict[str, Any]:
        wanted = str(given.get("chat_id", ""))
        if not wanted:
            raise Refused.bad("chat_id is empty")
        chat = self._chats.get(int(wanted)) if re.fullmatch(r"-?[0-9]{1,16}", wanted) else None
        if chat is None:
            raise Refused.bad("chat not found")
        if moved := chat.get("moved_to"):
            raise Refused(
                400, "Bad Request: group chat was upgraded to a supergroup chat", migrate_to_chat_id=int(moved)
            )
        if words := chat.get("forbidden"):
            raise Refused(403, f"Forbidden: {words}")
        return {key: chat[key] for key in ("id", "type", "title", "first_name") if key in chat}

    def _send(self, given: Fields) -> dict[str, Any]:
        chat = self._chat(given)
        text, keyboard = self._text(given), read_keyboard(given.get("reply_markup"))
        answered = (given.get("reply_parameters") or {}).get("message_id")
        lenient = (given.get("reply_parameters") or {}).get("allow_sending_without_reply")
        if answered is not None and not lenient and (chat["id"], int(answered)) not in self._messages:
            raise Refused.bad("message to be replied not found")
        self._flood(chat)
        said = {"from": BOT, "text": text, "keyboard": keyboard, "entities": given.get("entities", []), "edits": 0}
        return self._shown(self._keep(chat, said))

    def _edit(self, given: Fields) -> dict[str, Any]:
        chat = self._chat(given)
        message = self._messages.get((chat["id"], int(given.get("message_id", 0))))
        if message is None:
            raise Refused.bad("message to edit not found")
        if message["from"] is not BOT:
            raise Refused.bad("message can't be edited")
        text, keyboard = self._text(given, "MESSAGE_TOO_LONG"), read_keyboard(given.get("reply_markup"))
        if (text, keyboard) == (message["text"], message["keyboard"]):
            words = "specified new message content and reply markup are exactly the same as a current content and reply"
            raise Refused.bad(f"message is not modified: {words} markup of the message")
        new = {"text": text, "keyboard": keyboard, "entities": given.get("entities", [])}
        message.update(new, edits=message["edits"] + 1, history=[*message["history"], (time.time(), text)])
        return self._shown(message)

    def _answer(self, given: Fields) -> bool:
        query, text = str(given.get("callback_query_id", "")), str(given.get("text", ""))
        if len(text) > ANSWER_CHARACTERS:
            raise Refused.bad("MESSAGE_TOO_LONG")
        if time.monotonic() - self._queries.pop(query, 0.0) > QUERY_S:
            raise Refused.bad("query is too old and response timeout expired or query ID is invalid")
        self.answers.append({"query": query, "text": text, "alert": bool(given.get("show_alert"))})
        return True

    def _text(self, given: Fields, too_long: str = "message is too long") -> str:
        text, mode = str(given.get("text", "")), str(given.get("parse_mode", ""))
        if mode not in ("", "HTML"):
            raise Refused.bad("unsupported parse_mode")
        text = check_html(text) if mode else text
        if not text.strip():
            raise Refused.bad("message text is empty")
        if len(text) > TEXT_CHARACTERS:
            raise Refused.bad(too_long)
        return text

    def _flood(self, chat: Fields) -> None:
        """At most 20 messages a minute to a group (https://core.telegram.org/bots/faq)."""
        now, sent = time.monotonic(), self._sent.setdefault(chat["id"], deque())
        while sent and now - sent[0] > GROUP_S:
            sent.popleft()
        if chat["type"] != "private" and len(sent) >= GROUP_MESSAGES:
            wait = int(GROUP_S - (now - sent[0])) + 1
            raise Refused(429, f"Too Many Requests: retry after {wait}", retry_after=wait)
        sent.append(now)

    def _keep(self, chat: Fields, said: dict[str, Any]) -> dict[str, Any]:
        number = 1 + max((known for known_chat, known in self._messages if known_chat == chat["id"]), default=0)
        whole = {"chat": chat, "message_id": number, "date": int(time.time()), "history": [], **said}
        self._messages[chat["id"], number] = whole
        return whole

    def _shown(self, message: Fields) -> dict[str, Any]:
        kept = {key: message[key] for key in ("message_id", "date", "chat", "from", "text")}
        return {**kept, "reply_markup": {"inline_keyboard": message["keyboard"]}} if message["keyboard"] else kept

    def act(self, word: str, given: Fields) -> Any:  # noqa: ANN401 - any JSON value
        """Do as a person, or say what the bot did. Raises KeyError for an unknown word."""
        acts: dict[str, Callable[[Fields], Any]] = {
            "say": self._say,
            "press": self._press,
            "chat": self._set_chat,
            "delete": lambda given: bool(self._messages.pop((int(given["chat"]), int(given["message"])), None)),
            "refuse": lambda given: self._refusals.append(dict(given)),
            "webhook": lambda given: setattr(self, "_webhook", bool(given["on"])),
            "age": self._age,
            "update": lambda given: self._update(**given),
            "messages": lambda given: self._said(int(given["chat"])),
            "answers": lambda _: self.answers,
            "commands": lambda _: self.commands,
            "calls": lambda _: self.calls,
        }
        with self._changed:
            return acts[word](given)

    def _set_chat(self, given: Fields) -> None:
        """A chat that the bot sees: id, type, title; `forbidden` or `moved_to` where it cannot talk there any more."""
        known = self._chats.get(int(given["id"]), {})
        self._chats[int(given["id"])] = {**known, **given, "id": int(given["id"])}

    def _say(self, given: Fields) -> int:
        """A person says something; to the bot alone where `chat` is missing. It is not shown what is not for it."""
        person = self._person(given)
        chat_id = int(given.get("chat", person["id"]))
        if chat_id > 0:
            self._chats.setdefault(chat_id, {"id": chat_id, "type": "private", "first_name": person["first_name"]})
        chat = self._chats[chat_id]
        said = {"from": person, "text": given["text"], "keyboard": [], "edits": 0}
        message = self._keep({"id": chat_id, "type": chat["type"]}, said)
        message["date"] -= int(given.get("ago_s", 0))
        command = _COMMAND.match(given["text"])
        if chat["type"] == "private" or (command and command["bot"] in (None, BOT["username"])):
            self._update(message={**self._shown(message), "entities": []})
        return int(message["message_id"])

    def _press(self, given: Fields) -> str:
        """A person presses a button; whether the message still has it is not looked at, as by the original."""
        message = self._messages[int(given["chat"]), int(given["message"])]
        query = str(secrets.randbelow(10**18))
        self._queries[query] = time.monotonic()
        press = {"id": query, "from": self._person(given), "chat_instance": "1", "data": given["data"]}
        self._update(callback_query={**press, "message": self._shown(message)})
        return query

    def _age(self, _given: Fields) -> None:
        """Let all presses become too old to be answered."""
        self._queries = dict.fromkeys(self._queries, time.monotonic() - 2 * QUERY_S)

    def _person(self, given: Fields) -> dict[str, Any]:
        return {"id": int(given["from"]), "is_bot": False, "first_name": given.get("name", f"person {given['from']}")}

    def _update(self, **what: Any) -> None:  # noqa: ANN401 - any JSON value
        self._updates.append({"update_id": self._next, **what})
        self._next += 1
        self._changed.notify_all()

    def _said(self, chat: int) -> list[dict[str, Any]]:
        found = (message for (where, _), message in self._messages.items() if where == chat)
        return sorted(found, key=lambda message: int(message["message_id"]))


class Handler(BaseHTTPRequestHandler):
    """One connection: `/bot<token>/<method>`, by GET or POST, with a query, a form or JSON; and the side entrance."""

    protocol_version = "HTTP/1.1"
    timeout = LONGEST_POLL_S + 30
    server: "Server"

    def do_POST(self) -> None:
        """Serve a method."""
        try:
            self._answer(200, {"ok": True, "result": self._serve()})
        except Refused as refusal:
            self._answer(refusal.status, refusal.document())
        except (KeyError, ValueError, TypeError, AttributeError) as error:
            self._answer(400, Refused.bad(f"can't parse the request: {type(error).__name__}").document())

    do_GET = do_POST  # noqa: N815

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002, ANN401 - http.server's signature
        """Say nothing: the token stands in the path."""

    def _serve(self) -> Any:  # noqa: ANN401 - any JSON value
        parts = urlsplit(self.path)
        fields = {**_decoded(parse_qsl(parts.query)), **self._body()}
        if (word := parts.path.removeprefix("/_stand-in/")) != parts.path:
            return self.server.account.act(word, fields)
        token, _, method = parts.path.removeprefix("/bot").partition("/")
        return self.server.account.call(token, method, fields)

    def _body(self) -> dict[str, Any]:
        length = int(self.headers.get("Content-Length") or 0)
        if length > BODY_BYTES:
            self.close_connection = True  # what it still sends is not read
            raise Refused(413, "Request Entity Too Large")
        body = self.rfile.read(length)
        if self.headers.get_content_type() == "application/json" and body:
            found = json.loads(body)
            return found if isinstance(found, dict) else {}
        return _decoded(parse_qsl(body.decode()))

    def _answer(self, status: int, document: Any) -> None:  # noqa: ANN401 - any JSON value
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _decoded(pairs: list[tuple[str, str]]) -> dict[str, Any]:
    """A form's fields; those that are objects or lists come as JSON."""
    return {name: json.loads(value) if value[:1] in ("{", "[") and name != "text" else value for name, value in pairs}


class Server(ThreadingHTTPServer):
    """The server: TLS where it has a certificate, plain HTTP otherwise."""

    daemon_threads = True

    def __init__(self, address: tuple[str, int], token: str, tls: ssl.SSLContext | None = None) -> None:
        super().__init__(address, Handler)
        self.account, self._tls = Account(token), tls

    def get_request(self) -> tuple[socket, Any]:
        """Accept a connection; its handshake is done by its own thread, so that a silent client blocks nobody."""
        connection, address = super().get_request()
        connection.settimeout(Handler.timeout)
        if self._tls is not None:
            connection = self._tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        return connection, address

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - socketserver's signature
        """A connection that broke is the client's affair."""


def main() -> None:
    """Serve until the process is stopped."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--listen", required=True, help="address:port")
    parser.add_argument("--token-file", type=Path, required=True)
    parser.add_argument("--certificate", type=Path, required=True)
    parser.add_argument("--key", type=Path, required=True)
    options = parser.parse_args()
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(options.certificate, options.key)
    host, _, port = options.listen.rpartition(":")
    Server((host, int(port)), options.token_file.read_text().strip(), tls).serve_forever()


if __name__ == "__main__":
    main()
