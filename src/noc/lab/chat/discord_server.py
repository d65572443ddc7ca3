"""A stand-in for Discord: the parts of its HTTP API (version 10) and of its gateway that a bot of a guild needs.

One standard-library file, because it is copied to the lab's internet machine and runs there alone. Everything is kept
in memory, and bounded. What it refuses is what the original refuses (https://docs.discord.com/developers/reference);
docs/stand-ins.md lists each refusal with its source and the test that provokes it. Below `/_stand-in/` stands what the
original has not: to act as a person, to see what was sent, and to bring trouble.

    discord_server.py --listen 127.0.0.1:8443 --token-file TOKEN --guild 41 --channel 42 [--certificate PEM --key PEM]
"""

import argparse
import asyncio
import base64
import hashlib
import hmac
import json
import re
import secrets
import ssl
import struct
import time
import zlib
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

Document = dict[str, Any]

VERSION = "10"
EPOCH_MS = 1_420_070_400_000
KEPT = 10_000
BODY_BYTES = 1 << 20
HEAD_BYTES = 16 << 10
PAYLOAD_BYTES = 4096
CONTENT_MAX = 2000
ACKNOWLEDGE_S = 3.0
TOKEN_S = 900.0
IDENTIFY_S = 5.0
EVENTS_PER_MINUTE = 120
SESSIONS_A_DAY = 1000
GLOBAL_PER_S = 50
GUILDS, PRIVILEGED, INTENTS = 1, 1 << 1 | 1 << 8 | 1 << 15, (1 << 26) - 1
NO_EMBEDS, EPHEMERAL, LOADING = 1 << 2, 1 << 6, 1 << 7
VIEW, SEND = 1 << 10, 1 << 11
_NAME = re.compile(r"[-_'\w]{1,32}")


class Refused(Exception):
    """A request that Discord answers with an error document: HTTP status, its own code, its sentence, the fields."""

    def __init__(self, status: int, code: int, message: str, errors: Document | None = None) -> None:
        super().__init__(message)
        self.status, self.headers = status, dict[str, str]()
        self.document: Document = {"message": message, "code": code} | ({"errors": errors} if errors else {})


def form(path: str, code: str, message: str) -> Refused:
    """Error 50035 for one field, such as `components.0.components.1.custom_id`."""
    errors: Document = {"_errors": [{"code": code, "message": message}]}
    for name in reversed(path.split(".")):
        errors = {name: errors}
    return Refused(400, 50035, "Invalid Form Body", errors)


_serial = count()


def snowflake() -> str:
    """A new id (https://docs.discord.com/developers/reference#snowflakes): its time, and a number."""
    return str((int(time.time() * 1000) - EPOCH_MS) << 22 | next(_serial) & 0xFFF)


def _stamp() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S.000000+00:00", time.gmtime())


def _text(document: Document, name: str, path: str, shortest: int, longest: int) -> str:
    value = document.get(name)
    if value is None:
        raise form(path, "BASE_TYPE_REQUIRED", "This field is required")
    if not isinstance(value, str):
        raise form(path, "STRING_TYPE_CONVERT", "Could not interpret value as string.")
    if not shortest <= len(value) <= longest:
        raise form(path, "BASE_TYPE_BAD_LENGTH", f"Must be between {shortest} and {longest} in length.")
    return value


def check_components(rows: Any) -> None:  # noqa: ANN401 - from the wire
    """At most five rows of one to five buttons, each with an id of its own. Raises Refused 50035."""
    if not isinstance(rows, list) or len(rows) > 5:
        raise form("components", "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 5 in length.")
    seen: set[str] = set()
    for at, row in enumerate(rows):
        buttons = row.get("components") if isinstance(row, dict) and row.get("type") == 1 else None
        if not isinstance(buttons, list):
            raise form(f"components.{at}", "UNION_TYPE_CHOICES", "Value of field must be a row of components.")
        if not 1 <= len(buttons) <= 5:
            raise form(f"components.{at}.components", "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 5 in length.")
        for place, button in enumerate(buttons):
            _check_button(button, f"components.{at}.components.{place}", seen)


def _check_button(button: Any, path: str, seen: set[str]) -> None:  # noqa: ANN401 - from the wire
    if not isinstance(button, dict) or button.get("type") != 2 or button.get("style") not in {1, 2, 3, 4}:
        raise form(f"{path}.type", "UNION_TYPE_CHOICES", "The stand-in has buttons with an id, and nothing else.")
    _text(button, "label", f"{path}.label", 1, 80)
    custom = _text(button, "custom_id", f"{path}.custom_id", 1, 100)
    if custom in seen:
        sentence = "Component custom id cannot be duplicated"
        raise form(f"{path}.custom_id", "COMPONENT_CUSTOM_ID_DUPLICATED", sentence)
    seen.add(custom)


def check_message(body: Document, *, sends: bool) -> None:
    """What a message may hold; one that is sent is not empty. Raises Refused."""
    content = body.get("content") or ""
    if not isinstance(content, str):
        raise form("content", "STRING_TYPE_CONVERT", "Could not interpret value as string.")
    if len(content) > CONTENT_MAX:
        raise form("content", "BASE_TYPE_MAX_LENGTH", f"Must be {CONTENT_MAX} or fewer in length.")
    if body.get("embeds") or body.get("attachments") or body.get("poll"):
        raise Refused(501, 0, "The stand-in has messages of text and buttons alone.")
    check_components(body.get("components") or [])
    if sends and not content.strip():
        raise Refused(400, 50006, "Cannot send an empty message")
    mentions = body.get("allowed_mentions") or {}
    if not isinstance(mentions, dict) or not set(mentions.get("parse") or ()) <= {"everyone", "roles", "users"}:
        raise form(
            "allowed_mentions.parse.0", "BASE_TYPE_CHOICES", "Value must be one of ('roles', 'users', 'everyone')."
        )


def pinged(content: str, allowed: Document | None) -> list[str]:
    """Whom a message calls: all that it names, unless `allowed_mentions` says otherwise."""
    parse = ("everyone", "users", "roles") if allowed is None else tuple(allowed.get("parse") or ())
    found = [word for word in re.findall(r"@everyone|@here", content) if "everyone" in parse]
    users = re.findall(r"<@!?(\d+)>", content)
    found += [user for user in users if "users" in parse or user in ((allowed or {}).get("users") or ())]
    roles = re.findall(r"<@&(\d+)>", content)
    return found + [role for role in roles if "roles" in parse or role in ((allowed or {}).get("roles") or ())]


def check_commands(commands: Any) -> list[Document]:  # noqa: ANN401 - from the wire
    """A guild's commands as they may be registered. Raises Refused 50035, or 30032 for more than a hundred."""
    if not isinstance(commands, list) or not all(isinstance(command, dict) for command in commands):
        raise form("_root", "LIST_TYPE_CONVERT", "Only iterables may be used in a ListType")
    if len(commands) > 100:
        raise Refused(400, 30032, "Maximum number of application commands reached (100).")
    names: set[str] = set()
    for at, command in enumerate(commands):
        _check_named(command, str(at))
        if command["name"] in names:
            sentence = "Application command names must be unique"
            raise form(str(at), "APPLICATION_COMMANDS_DUPLICATE_NAME", sentence)
        names.add(command["name"])
        _check_options(command.get("options") or [], f"{at}.options")
    return commands


def _check_named(document: Document, path: str) -> None:
    name = _text(document, "name", f"{path}.name", 1, 32)
    if not _NAME.fullmatch(name) or name != name.lower():
        raise form(f"{path}.name", "APPLICATION_COMMAND_INVALID_NAME", "Command name is invalid")
    _text(document, "description", f"{path}.description", 1, 100)


def _check_options(options: list[Document], path: str) -> None:
    if len(options) > 25:
        raise form(path, "BASE_TYPE_MAX_LENGTH", "Must be 25 or fewer in length.")
    optional = False
    for at, option in enumerate(options):
        _check_named(option, f"{path}.{at}")
        if option.get("type") != 3:
            raise Refused(501, 0, "The stand-in has options of text alone.")
        if optional and option.get("required"):
            sentence = "Required options must be placed before non-required options"
            raise form(f"{path}.{at}", "APPLICATION_COMMAND_OPTIONS_REQUIRED_INVALID", sentence)
        optional = not option.get("required")


class Limits:
    """Requests that may be made, each route with its own measure, and all together. Discord publishes no numbers."""

    ROUTES = {"message": (5, 5.0), "edit": (5, 5.0), "commands": (5, 20.0), "webhook": (5, 2.0)}  # noqa: RUF012

    def __init__(self) -> None:
        self._windows: OrderedDict[str, tuple[float, int]] = OrderedDict()
        self.throttled: deque[tuple[float, bool]] = deque()
        """Refusals that were asked for: seconds to wait, and whether for all routes."""

    def take(self, route: str, major: str) -> dict[str, str]:
        """Count one request of a route for a channel, guild or webhook; the headers of its answer. Raises 429."""
        if self.throttled:
            raise self._too_many({}, *self.throttled.popleft())
        left, reset = self._count("", GLOBAL_PER_S, 1.0)
        if left < 0 and route != "webhook":
            raise self._too_many({}, reset, everywhere=True)
        if route not in self.ROUTES:
            return {}
        limit, window = self.ROUTES[route]
        left, reset = self._count(f"{route} {major}", limit, window)
        headers = {
            "X-RateLimit-Limit": str(limit),
            "X-RateLimit-Remaining": str(max(0, left)),
            "X-RateLimit-Reset": f"{time.time() + reset:.3f}",
            "X-RateLimit-Reset-After": f"{reset:.3f}",
            "X-RateLimit-Bucket": hashlib.sha256(route.encode()).hexdigest()[:16],
        }
        if left < 0:
            raise self._too_many(headers, reset, everywhere=False)
        return headers

    def _count(self, key: str, limit: int, window: float) -> tuple[int, float]:
        now = time.monotonic()
        until, used = self._windows.get(key, (0.0, 0))
        if until <= now:
            until, used = now + window, 0
        self._windows[key] = (until, used + 1)
        self._windows.move_to_end(key)
        if len(self._windows) > KEPT:
            self._windows.popitem(last=False)
        return limit - used - 1, until - now

    @staticmethod
    def _too_many(headers: dict[str, str], wait: float, everywhere: bool) -> Refused:
        refusal = Refused(429, 0, "You are being rate limited.")
        refusal.document = {
            "message": "You are being rate limited.",
            "retry_after": round(wait, 3),
            "global": everywhere,
        }
        scope = (
            {"X-RateLimit-Global": "true", "X-RateLimit-Scope": "global"}
            if everywhere
            else {"X-RateLimit-Scope": "user"}
        )
        refusal.headers = headers | scope | {"Retry-After": str(int(wait) + 1)}
        return refusal


class Closed(Exception):
    """A WebSocket that is over, or has to be: the code and the reason of its close."""

    def __init__(self, code: int, reason: str = "") -> None:
        super().__init__(reason)
        self.code, self.reason = code, reason


class WebSocket:
    """The server's side of RFC 6455, without extensions."""

    _GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    @classmethod
    def greeting(cls, key: str) -> bytes:
        """The answer to a handshake (section 4.2.2)."""
        accept = base64.b64encode(hashlib.sha1(key.encode() + cls._GUID, usedforsecurity=False).digest()).decode()
        lines = ("HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade")
        return "\r\n".join((*lines, f"Sec-WebSocket-Accept: {accept}", "", "")).encode()

    async def receive(self) -> bytes:
        """The next message. Raises Closed; pings are answered on the way."""
        message = b""
        while True:
            final, opcode, payload = await self._frame()
            if opcode == 8:
                raise Closed(struct.unpack("!H", payload[:2])[0] if len(payload) > 1 else 1005)
            if opcode == 9:
                self.send(payload, opcode=10)
            elif opcode in {0, 1, 2}:
                message += payload
                if len(message) > PAYLOAD_BYTES:
                    raise Closed(4002, "Error while decoding payload.")
                if final:
                    return message

    async def _frame(self) -> tuple[bool, int, bytes]:
        try:
            first, second = await self._reader.readexactly(2)
            length = second & 0x7F
            if length > 125:
                length = int.from_bytes(await self._reader.readexactly(2 if length == 126 else 8))
            if not second & 0x80 or first & 0x70 or length > PAYLOAD_BYTES:
                raise Closed(4002 if length > PAYLOAD_BYTES else 1002, "Error while decoding payload.")
            mask = await self._reader.readexactly(4)
            payload = await self._reader.readexactly(length)
        except (asyncio.IncompleteReadError, ConnectionError):
            raise Closed(1006) from None
        return bool(first & 0x80), first & 0x0F, bytes(byte ^ mask[at & 3] for at, byte in enumerate(payload))

    def send(self, payload: bytes, *, opcode: int) -> None:
        """One frame: 1 text, 2 bytes, 8 close, 10 pong."""
        size = len(payload)
        if size < 126:
            head = struct.pack("!BB", 0x80 | opcode, size)
        elif size < 1 << 16:
            head = struct.pack("!BBH", 0x80 | opcode, 126, size)
        else:
            head = struct.pack("!BBQ", 0x80 | opcode, 127, size)
        self._writer.write(head + payload)

    def close(self, code: int, reason: str = "") -> None:
        """Say goodbye, and hang up."""
        if code not in {1005, 1006}:
            self.send(struct.pack("!H", code) + reason.encode(), opcode=8)
        self._writer.close()

    def drop(self) -> None:
        """Hang up without a word."""
        self._writer.transport.abort()


@dataclass
class Session:
    """What a bot that has identified itself is sent, also while it is away for a moment."""

    id: str
    intents: int
    seq: int = 0
    events: deque[Document] = field(default_factory=lambda: deque(maxlen=1000))
    connection: "Connection | None" = None

    def dispatch(self, name: str, data: Document) -> None:
        """Send an event, and keep it for one who comes back."""
        self.seq += 1
        event = {"op": 0, "t": name, "s": self.seq, "d": data}
        self.events.append(event)
        if self.connection:
            self.connection.send(event)


class Connection:
    """One connection to the gateway (https://docs.discord.com/developers/events/gateway#connections)."""

    def __init__(self, gateway: "Gateway", socket: WebSocket, host: str, compress: str) -> None:
        self._gateway, self.socket, self._host = gateway, socket, host
        self._deflate = zlib.compressobj() if compress == "zlib-stream" else None
        self._session: Session | None = None
        self._minute: deque[float] = deque(maxlen=EVENTS_PER_MINUTE)

    def send(self, payload: Document) -> None:
        """Send one payload, in the compression that the client asked for."""
        text = json.dumps(payload).encode()
        if self._deflate is None:
            return self.socket.send(text, opcode=1)
        return self.socket.send(self._deflate.compress(text) + self._deflate.flush(zlib.Z_SYNC_FLUSH), opcode=2)

    async def serve(self) -> None:
        """Talk until one of the two has enough."""
        interval = self._gateway.heartbeat_s
        self.send({"op": 10, "s": None, "t": None, "d": {"heartbeat_interval": int(interval * 1000)}})
        deadline = time.monotonic() + interval * 1.5
        try:
            while True:
                payload = await asyncio.wait_for(self.socket.receive(), deadline - time.monotonic())
                if self._handle(payload):
                    deadline = time.monotonic() + interval * 1.5
        except TimeoutError:
            self._end(4009, "Session timed out.")
        except Closed as closed:
            self._end(closed.code, closed.reason)

    def _end(self, code: int, reason: str) -> None:
        self._gateway.closes.append(code)
        self.socket.close(code, reason)
        if self._session and self._session.connection is self:
            self._session.connection = None
            if code in {1000, 1001, 4009}:
                self._gateway.sessions.pop(self._session.id, None)

    def _handle(self, payload: bytes) -> bool:
        """One payload of the client; whether it was a heartbeat."""
        now = time.monotonic()
        if len(self._minute) == EVENTS_PER_MINUTE and now - self._minute[0] < 60:
            raise Closed(4008, "Rate limited.")
        self._minute.append(now)
        try:
            document = json.loads(payload)
            op, data = document["op"], document.get("d")
        except (ValueError, TypeError, KeyError, AttributeError):
            raise Closed(4002, "Error while decoding payload.") from None
        if op == 1:
            self._gateway.beats += 1
            self.send({"op": 11, "s": None, "t": None, "d": None})
            return True
        if op in {2, 6} and isinstance(data, dict):
            self._identify(data) if op == 2 else self._resume(data)
        elif op not in {3, 4, 8}:
            raise Closed(4001, "Unknown opcode.")
        elif self._session is None:
            raise Closed(4003, "Not authenticated.")
        return False

    def _identify(self, data: Document) -> None:
        if self._session is not None:
            raise Closed(4005, "Already authenticated.")
        self._gateway.check_token(data)
        intents = data.get("intents")
        if not isinstance(intents, int) or not 0 <= intents <= INTENTS:
            raise Closed(4013, "Invalid intent(s).")
        if intents & PRIVILEGED & ~self._gateway.privileged:
            raise Closed(4014, "Disallowed intent(s).")
        session = self._gateway.begin(intents)
        if session is None:
            return self.send({"op": 9, "s": None, "t": None, "d": False})
        self._session, session.connection = session, self
        return self._gateway.welcome(session, self._host)

    def _resume(self, data: Document) -> None:
        self._gateway.check_token(data)
        session = self._gateway.sessions.get(str(data.get("session_id")))
        if session is None:
            return self.send({"op": 9, "s": None, "t": None, "d": False})
        if not isinstance(data.get("seq"), int) or data["seq"] > session.seq:
            raise Closed(4007, "Invalid seq.")
        if session.connection:
            session.connection.socket.close(4000)
        self._gateway.resumes += 1
        self._session, session.connection = session, self
        for event in [event for event in session.events if event["s"] > data["seq"]]:
            self.send(event)
        return session.dispatch("RESUMED", {"_trace": []})


class Gateway:
    """Who is connected, and what they are sent."""

    def __init__(self, discord: "Discord", heartbeat_s: float, identify_s: float) -> None:
        self._discord, self.heartbeat_s, self._identify_s = discord, heartbeat_s, identify_s
        self.sessions: OrderedDict[str, Session] = OrderedDict()
        self.closes: deque[int] = deque(maxlen=KEPT)
        self.scheme, self.privileged = "ws", 0
        self.identifies = self.resumes = self.beats = 0
        self._identified_at = -identify_s

    def check_token(self, data: Document) -> None:
        """Raises Closed 4004 for a token that is not the bot's; here it comes without `Bot`."""
        if not hmac.compare_digest(str(data.get("token")).encode(), self._discord.token.encode()):
            raise Closed(4004, "Authentication failed.")

    def begin(self, intents: int) -> Session | None:
        """A new session; None where the last one began less than five seconds ago. One too many costs the token."""
        if self.identifies >= SESSIONS_A_DAY:
            self._discord.token = secrets.token_urlsafe(32)
            raise Closed(4004, "Authentication failed.")
        if time.monotonic() - self._identified_at < self._identify_s:
            return None
        self._identified_at = time.monotonic()
        self.identifies += 1
        session = Session(secrets.token_hex(16), intents)
        self.sessions[session.id] = session
        if len(self.sessions) > 100:
            self.sessions.popitem(last=False)
        return session

    def url(self, host: str) -> str:
        """Its address, as who asked by that host reaches it."""
        return f"{self.scheme}://{host}/gateway/"

    def welcome(self, session: Session, host: str) -> None:
        """Tell who the bot is and, where it asked for that, what its guild looks like."""
        discord = self._discord
        guilds = [{"id": discord.guild, "unavailable": True}] if discord.member else []
        application = {"id": discord.bot["id"], "flags": 0}
        ready = {"v": 10, "user": discord.bot, "guilds": guilds, "session_id": session.id, "application": application}
        session.dispatch("READY", ready | {"resume_gateway_url": self.url(host), "session_type": "normal"})
        if guilds and session.intents & GUILDS:
            session.dispatch("GUILD_CREATE", discord.guild_document())

    def dispatch(self, name: str, data: Document) -> None:
        """Send an event to every session."""
        for session in self.sessions.values():
            session.dispatch(name, data)

    def connections(self) -> list[WebSocket]:
        """Those that are connected and identified."""
        return [session.connection.socket for session in self.sessions.values() if session.connection]


@dataclass
class Interaction:
    """A command or a press, until its token is worth nothing any more."""

    id: str
    token: str
    user: str
    channel: str
    source: str | None
    """The message under which a button was pressed."""
    began: float = field(default_factory=time.monotonic)
    acknowledged_after: float | None = None
    ephemeral: bool = False
    original: str | None = None
    """The message that answers it."""
    within_s: float = ACKNOWLEDGE_S

    def state(self) -> str:
        """As its person sees it."""
        if self.acknowledged_after is not None:
            return "acknowledged"
        return "waiting" if time.monotonic() - self.began < self.within_s else "did not respond"


class Discord:
    """One guild with its channels, one bot, and all that was said."""

    def __init__(
        self,
        token: str,
        guild: str,
        channel: str,
        *,
        heartbeat_s: float = 41.25,
        identify_s: float = IDENTIFY_S,
        acknowledge_s: float = ACKNOWLEDGE_S,
    ) -> None:
        self.token, self.guild, self.member, self.acknowledge_s = token, guild, True, acknowledge_s
        self.bot: Document = _user("1000", "noc") | {"bot": True}
        self.channels: dict[str, Document] = {}
        self.permissions: dict[str, int] = {}
        self.closed_to: set[str] = set()
        self.commands: list[Document] = []
        self.messages: OrderedDict[str, Document] = OrderedDict()
        self.edits: OrderedDict[str, list[str]] = OrderedDict()
        self.pings: dict[str, list[str]] = {}
        self.interactions: OrderedDict[str, Interaction] = OrderedDict()
        self.limits, self.gateway = Limits(), Gateway(self, heartbeat_s, identify_s)
        self.broken = 0
        self.open_channel(channel, "operations")

    def open_channel(self, channel: str, name: str) -> Document:
        """A text channel of the guild, in which the bot may read and write."""
        self.permissions[channel] = VIEW | SEND
        self.channels[channel] = {"id": channel, "type": 0, "guild_id": self.guild, "name": name, "position": 0}
        self.channels[channel] |= {"permission_overwrites": [], "nsfw": False, "parent_id": None}
        return self.channels[channel]

    def direct(self, user: str) -> Document:
        """The channel that the bot and one person share. Raises Refused 50033 for nobody."""
        if not user.isdecimal() or user == self.bot["id"]:
            raise Refused(400, 50033, "Invalid Recipient(s)")
        found = [channel for channel in self.channels.values() if channel.get("recipient") == user]
        if not found:
            channel = {"id": snowflake(), "type": 1, "recipients": [_user(user, "")], "recipient": user}
            self.channels[str(channel["id"])] = channel
            self.permissions[str(channel["id"])] = VIEW | SEND
            return channel
        return found[0]

    def guild_document(self) -> Document:
        """The guild as GUILD_CREATE tells of it."""
        everyone = {"id": self.guild, "name": "@everyone", "permissions": str(VIEW | SEND), "position": 0, "color": 0}
        everyone |= {"hoist": False, "managed": False, "mentionable": False, "flags": 0, "colors": {"primary_color": 0}}
        channels = [channel for channel in self.channels.values() if channel["type"] == 0]
        document = {"id": self.guild, "name": "The fleet", "unavailable": False, "owner_id": "1", "member_count": 2}
        return document | {"roles": [everyone], "channels": channels, "members": [_member(self.bot)], "threads": []}

    def reachable(self, channel: str, need: int) -> Document:
        """A channel that the bot may use. Raises Refused 10003, 50001 or 50013."""
        found = self.channels.get(channel)
        if found is None:
            raise Refused(404, 10003, "Unknown Channel")
        direct = "recipient" in found
        if not self.permissions[channel] & VIEW or not (self.member or direct):
            raise Refused(403, 50001, "Missing Access")
        if need & ~self.permissions[channel]:
            raise Refused(403, 50013, "Missing Permissions")
        if direct and found["recipient"] in self.closed_to:
            raise Refused(403, 50007, "Cannot send messages to this user")
        return found

    def say(self, channel: str, body: Document, *, author: Document | None = None, flags: int = 0) -> Document:
        """Keep a message and tell whoever listens."""
        message: Document = {"id": snowflake(), "channel_id": channel, "author": author or self.bot, "type": 0}
        message |= {"content": body.get("content") or "", "timestamp": _stamp(), "edited_timestamp": None, "tts": False}
        message |= {"mention_everyone": False, "mentions": [], "mention_roles": [], "attachments": [], "embeds": []}
        message |= {"pinned": False, "components": body.get("components") or [], "flags": flags}
        self.messages[message["id"]], self.edits[message["id"]] = message, [message["content"]]
        self.pings[message["id"]] = pinged(message["content"], body.get("allowed_mentions"))
        if len(self.messages) > KEPT:
            gone, _ = self.messages.popitem(last=False)
            self.edits.pop(gone), self.pings.pop(gone)
        return message

    def change(self, message: Document, body: Document) -> Document:
        """Edit a message: what is given replaces what was."""
        check_message(body, sends=False)
        message["flags"] &= ~LOADING
        message |= {name: body[name] or "" for name in ("content",) if name in body}
        message |= {name: body[name] or [] for name in ("components",) if name in body}
        message["edited_timestamp"] = _stamp()
        self.edits[message["id"]].append(message["content"])
        self.pings[message["id"]] += pinged(message["content"], body.get("allowed_mentions"))
        return message

    def own(self, channel: str, message: str) -> Document:
        """A message of the bot that everybody sees. Raises Refused 10008 or 50005."""
        found = self.messages.get(message)
        if found is None or found["channel_id"] != channel or found["flags"] & EPHEMERAL:
            raise Refused(404, 10008, "Unknown Message")
        if found["author"]["id"] != self.bot["id"]:
            raise Refused(403, 50005, "Cannot edit a message authored by another user")
        return found

    def interact(self, kind: int, person: Document, channel: str, data: Document, source: str | None) -> Interaction:
        """A person uses a command (2) or a button (3)."""
        token = secrets.token_urlsafe(32)
        interaction = Interaction(snowflake(), token, person["id"], channel, source, within_s=self.acknowledge_s)
        self.interactions[interaction.id] = interaction
        if len(self.interactions) > KEPT:
            self.interactions.popitem(last=False)
        where = self.channels[channel]
        document: Document = {"id": interaction.id, "application_id": self.bot["id"], "type": kind, "data": data}
        document |= {
            "channel_id": channel,
            "channel": where,
            "token": interaction.token,
            "version": 1,
            "locale": "en-GB",
        }
        document |= {"entitlements": [], "authorizing_integration_owners": {"0": self.guild}, "app_permissions": "0"}
        document["attachment_size_limit"] = 10 << 20
        if where["type"] == 0:
            document |= {"guild_id": self.guild, "guild_locale": "en-GB", "context": 0, "member": _member(person)}
        else:
            document |= {"context": 1, "user": person}
        if source is not None:
            document["message"] = self.messages[source]
        self.gateway.dispatch("INTERACTION_CREATE", document)
        return interaction

    def answerable(self, number: str, token: str) -> Interaction:
        """An interaction that has had no answer yet. Raises Refused 10062 or 40060."""
        found = self.interactions.get(number)
        if found is None or not hmac.compare_digest(found.token.encode(), token.encode()):
            raise Refused(404, 10062, "Unknown interaction")
        if found.acknowledged_after is not None:
            raise Refused(400, 40060, "Interaction has already been acknowledged.")
        if found.state() != "waiting":
            raise Refused(404, 10062, "Unknown interaction")
        return found

    def followed(self, token: str) -> Interaction:
        """An interaction that was answered, for what comes after it. Raises Refused 10015 or 50027."""
        for found in self.interactions.values():
            if hmac.compare_digest(found.token.encode(), token.encode()) and found.acknowledged_after is not None:
                if time.monotonic() - found.began > TOKEN_S:
                    raise Refused(401, 50027, "Invalid Webhook Token")
                return found
        raise Refused(404, 10015, "Unknown Webhook")


def _user(number: str, name: str) -> Document:
    return {
        "id": number,
        "username": name or f"user{number}",
        "discriminator": "0",
        "avatar": None,
        "global_name": None,
    }


def _member(user: Document) -> Document:
    joined = {"user": user, "roles": [], "joined_at": "2026-01-01T00:00:00+00:00", "deaf": False, "mute": False}
    return joined | {"flags": 0, "nick": None, "avatar": None, "permissions": str(VIEW | SEND)}


@dataclass(frozen=True)
class Request:
    """One request over HTTP."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:  # noqa: ANN401 - any JSON value
        """Its body. Raises Refused 50109 for one that is no JSON."""
        kind = self.headers.get("content-type", "").split(";")[0].strip()
        try:
            return json.loads(self.body if kind == "application/json" else b"")
        except ValueError:
            raise Refused(400, 50109, "The request body contains invalid JSON.") from None

    def document(self) -> Document:
        """Its body where that has to be an object."""
        body = self.json()
        if not isinstance(body, dict):
            raise form("_root", "MODEL_TYPE_CONVERT", "Only dictionaries may be used in a ModelType")
        return body


class Api:
    """Discord's HTTP API."""

    def __init__(self, discord: Discord) -> None:
        self._discord = discord
        app = discord.bot["id"]
        hook = rf"/webhooks/{app}/([^/]+)"
        self._routes: tuple[tuple[str, str, str, Callable[..., Any]], ...] = (
            ("GET", r"/gateway", "", self._url),
            ("GET", r"/gateway/bot", "", self._gateway),
            ("GET", r"/users/@me", "", lambda _: discord.bot),
            ("GET", r"/oauth2/applications/@me", "", lambda _: self._application()),
            ("POST", r"/users/@me/channels", "", self._open_direct),
            ("GET", r"/channels/(\d+)", "", lambda _, channel: discord.reachable(channel, VIEW)),
            ("POST", r"/channels/(\d+)/messages", "message", self._send),
            ("GET", r"/channels/(\d+)/messages/(\d+)", "", self._show),
            ("PATCH", r"/channels/(\d+)/messages/(\d+)", "edit", self._edit),
            ("GET", rf"/applications/{app}/guilds/(\d+)/commands", "", self._commands),
            ("PUT", rf"/applications/{app}/guilds/(\d+)/commands", "commands", self._register),
            ("POST", r"/interactions/(\d+)/([^/]+)/callback", "", self._callback),
            ("POST", hook, "webhook", self._follow),
            ("GET", rf"{hook}/messages/@original", "webhook", lambda _, token: self._original(token)),
            ("PATCH", rf"{hook}/messages/(@original|\d+)", "webhook", self._edit_answer),
            ("DELETE", rf"{hook}/messages/(@original|\d+)", "webhook", self._delete_answer),
        )

    def answer(self, request: Request, target: str) -> tuple[int, dict[str, str], Any]:
        """The answer to a request for a path: status, headers, document."""
        path = target.removeprefix(f"/api/v{VERSION}")
        if self._discord.broken:
            self._discord.broken -= 1
            return 502, {}, {"message": "502: Bad Gateway", "code": 0}
        if not path.startswith(("/interactions/", "/webhooks/")) and path != "/gateway":
            given = request.headers.get("authorization", "")
            if not hmac.compare_digest(given.encode(), f"Bot {self._discord.token}".encode()):
                raise Refused(401, 0, "401: Unauthorized")
        found_ways = ((way, re.fullmatch(way[1], path)) for way in self._routes if path != target)
        ways = [(way, found) for way, found in found_ways if found]
        if not ways:
            raise Refused(404, 0, "404: Not Found")
        for (method, _, route, act), found in ways:
            if method == request.method:
                headers = self._discord.limits.take(route, next(iter(found.groups()), ""))
                document = act(request, *found.groups())
                return 204 if document is None else 200, headers, document
        raise Refused(405, 0, "405: Method Not Allowed")

    def _url(self, request: Request) -> Document:
        return {"url": self._discord.gateway.url(request.headers.get("host", ""))}

    def _gateway(self, request: Request) -> Document:
        left = SESSIONS_A_DAY - self._discord.gateway.identifies
        started = {"total": SESSIONS_A_DAY, "remaining": left, "reset_after": 86_400_000}
        limit = started | {"max_concurrency": 1}
        return self._url(request) | {"shards": 1, "session_start_limit": limit}

    def _application(self) -> Document:
        bot = self._discord.bot
        about = {"id": bot["id"], "name": bot["username"], "description": "", "icon": None, "verify_key": "0" * 64}
        return about | {"bot_public": False, "bot_require_code_grant": False, "owner": _user("1", "owner"), "flags": 0}

    def _open_direct(self, request: Request) -> Document:
        return self._discord.direct(str(request.document().get("recipient_id")))

    def _send(self, request: Request, channel: str) -> Document:
        body = request.document()
        check_message(body, sends=True)
        self._discord.reachable(channel, VIEW | SEND)
        return self._discord.say(channel, body, flags=int(body.get("flags") or 0) & NO_EMBEDS)

    def _show(self, _: Request, channel: str, message: str) -> Document:
        self._discord.reachable(channel, VIEW)
        return self._discord.own(channel, message)

    def _edit(self, request: Request, channel: str, message: str) -> Document:
        self._discord.reachable(channel, VIEW)
        return self._discord.change(self._discord.own(channel, message), request.document())

    def _own_guild(self, guild: str) -> None:
        if guild != self._discord.guild or not self._discord.member:
            raise Refused(403, 50001, "Missing Access")

    def _commands(self, _: Request, guild: str) -> list[Document]:
        self._own_guild(guild)
        return self._discord.commands

    def _register(self, request: Request, guild: str) -> list[Document]:
        self._own_guild(guild)
        given = check_commands(request.json())
        known = {command["name"]: command["id"] for command in self._discord.commands}
        extra = {"application_id": self._discord.bot["id"], "guild_id": guild, "version": snowflake(), "type": 1}
        extra["default_member_permissions"] = None
        self._discord.commands = [
            extra | command | {"id": known.get(command["name"]) or snowflake()} for command in given
        ]
        return self._discord.commands

    def _callback(self, request: Request, number: str, token: str) -> Document | None:
        interaction = self._discord.answerable(number, token)
        body = request.document()
        kind, data = body.get("type"), body.get("data") or {}
        if kind not in {4, 5} and not (kind in {6, 7} and interaction.source):
            raise form("type", "BASE_TYPE_CHOICES", "Value must be one of (4, 5, 6, 7).")
        check_message(data, sends=kind == 4)
        interaction.ephemeral = bool(int(data.get("flags") or 0) & EPHEMERAL)
        interaction.acknowledged_after = time.monotonic() - interaction.began
        if kind in {4, 5}:
            interaction.original = self._say(interaction, data, LOADING if kind == 5 else 0)["id"]
        else:
            interaction.original = interaction.source
            if kind == 7 and interaction.source:
                self._discord.change(self._discord.messages[interaction.source], data)
        return self._with_response(interaction, kind) if request.query.get("with_response") in {"1", "true"} else None

    def _with_response(self, interaction: Interaction, kind: int) -> Document:
        about: Document = {"id": interaction.id, "type": 3 if interaction.source else 2}
        about |= {"response_message_id": interaction.original, "response_message_loading": kind == 5}
        about["response_message_ephemeral"] = interaction.ephemeral
        message = {"message": self._discord.messages[interaction.original]} if interaction.original else {}
        return {"interaction": about, "resource": {"type": kind} | (message if kind in {4, 7} else {})}

    def _say(self, interaction: Interaction, body: Document, flags: int) -> Document:
        flags |= int(body.get("flags") or 0) & (EPHEMERAL | NO_EMBEDS)
        message = self._discord.say(interaction.channel, body, flags=flags)
        return message | {"webhook_id": self._discord.bot["id"], "application_id": self._discord.bot["id"]}

    def _follow(self, request: Request, token: str) -> Document:
        interaction = self._discord.followed(token)
        body = request.document()
        check_message(body, sends=True)
        original = self._discord.messages.get(interaction.original or "")
        if original and original["flags"] & LOADING:  # the first one after a deferred answer takes its place
            original["flags"] |= int(body.get("flags") or 0) & NO_EMBEDS
            return self._discord.change(original, body)
        return self._say(interaction, body, 0)

    def _original(self, token: str, message: str = "@original") -> Document:
        interaction = self._discord.followed(token)
        found = self._discord.messages.get(interaction.original or "" if message == "@original" else message)
        if found is None or found["channel_id"] != interaction.channel:
            raise Refused(404, 10008, "Unknown Message")
        return found

    def _edit_answer(self, request: Request, token: str, message: str) -> Document:
        return self._discord.change(self._original(token, message), request.document())

    def _delete_answer(self, _: Request, token: str, message: str) -> None:
        del self._discord.messages[self._original(token, message)["id"]]


class Control:
    """What stands below `/_stand-in/`: people, what they see, and trouble."""

    def __init__(self, discord: Discord) -> None:
        self._discord = discord

    def answer(self, request: Request, path: str) -> tuple[int, dict[str, str], Any]:
        """The answer to a request at a path below `/_stand-in`. Raises Refused 400 or 404 for what cannot be done."""
        ways: dict[tuple[str, str], Callable[[Document], Any]] = {
            ("GET", "/messages"): lambda _: [self._seen(message) for message in self._discord.messages.values()],
            ("GET", "/commands"): lambda _: self._discord.commands,
            ("GET", "/interactions"): lambda _: [self._state(one) for one in self._discord.interactions.values()],
            ("GET", "/gateway"): lambda _: self._gateway(),
            ("POST", "/slash"): self._slash,
            ("POST", "/press"): self._press,
            ("POST", "/trouble"): self._trouble,
        }
        act = ways.get((request.method, path))
        if act is None:
            raise Refused(404, 0, "The stand-in has no such control.")
        return 200, {}, act(request.document() if request.method == "POST" else {})

    def _gateway(self) -> Document:
        gateway = self._discord.gateway
        about: Document = {"connected": len(gateway.connections()), "identifies": gateway.identifies}
        return about | {"resumes": gateway.resumes, "beats": gateway.beats, "closes": list(gateway.closes)}

    def _seen(self, message: Document) -> Document:
        """A message as people see it."""
        number, channel = message["id"], self._discord.channels[message["channel_id"]]
        rows = message["components"]
        buttons = [button for row in rows for button in row["components"]]
        seen = {"id": number, "channel": channel["id"], "direct_to": channel.get("recipient"), "buttons": buttons}
        seen |= {"author": message["author"]["id"], "content": message["content"], "edits": self._discord.edits[number]}
        flags = {"ephemeral": bool(message["flags"] & EPHEMERAL), "thinking": bool(message["flags"] & LOADING)}
        flags["previews"] = not message["flags"] & NO_EMBEDS
        return seen | flags | {"pinged": self._discord.pings[number]}

    def _state(self, interaction: Interaction) -> Document:
        about = {"id": interaction.id, "user": interaction.user, "state": interaction.state()}
        return about | {"acknowledged_after": interaction.acknowledged_after, "answer": interaction.original}

    def _person(self, document: Document) -> Document:
        return _user(str(document["user"]), str(document.get("name", "")))

    def _slash(self, document: Document) -> Document:
        """`{"user", "name", "channel", "command", "options": {name: value}}`, as Discord's own programs send it."""
        found = [one for one in self._discord.commands if one["name"] == document.get("command")]
        channel = str(document.get("channel") or next(iter(self._discord.channels)))
        if not found or self._discord.channels.get(channel, {}).get("type") != 0:
            raise Refused(404, 0, "There is no such command here.")
        given: Document = document.get("options") or {}
        known = {option["name"]: option for option in found[0].get("options") or []}
        missing = [name for name, option in known.items() if option.get("required") and not given.get(name)]
        if missing or not set(given) <= set(known):
            raise Refused(400, 0, f"This command takes {', '.join(known) or 'nothing'}.")
        chosen = {name: [choice["value"] for choice in known[name].get("choices", ())] for name in given}
        if any(choices and given[name] not in choices for name, choices in chosen.items()):
            raise Refused(400, 0, "This is none of the choices.")
        options = [{"name": name, "type": 3, "value": str(value)} for name, value in given.items()]
        data = {"id": found[0]["id"], "name": found[0]["name"], "type": 1, "guild_id": self._discord.guild}
        data["options"] = options
        return self._state(self._discord.interact(2, self._person(document), channel, data, None))

    def _press(self, document: Document) -> Document:
        """`{"user", "name", "message", "label" or "custom_id"}`."""
        message = self._discord.messages.get(str(document.get("message")))
        buttons = [button for row in (message or {}).get("components", []) for button in row["components"]]
        wanted = [
            button
            for button in buttons
            if document.get("label") == button["label"] or document.get("custom_id") == button["custom_id"]
        ]
        if message is None or not wanted or wanted[0].get("disabled"):
            raise Refused(404, 0, "There is no such button.")
        data = {"custom_id": wanted[0]["custom_id"], "component_type": 2}
        person, channel = self._person(document), message["channel_id"]
        return self._state(self._discord.interact(3, person, channel, data, message["id"]))

    def _trouble(self, document: Document) -> Document:
        """Any of `close` (a code), `reconnect`, `drop`, `forget` (sessions), `identifies` (begun today), `throttle`
        (`{"times", "wait_s", "global"}`), `broken` (answers), `permissions` (`{channel: bits}`), `member`, `closed_to`,
        `delete`, `token`."""
        discord, gateway = self._discord, self._discord.gateway
        throttle = document.get("throttle") or {}
        for _ in range(throttle.get("times", 0)):
            discord.limits.throttled.append((float(throttle["wait_s"]), bool(throttle.get("global"))))
        discord.broken += int(document.get("broken", 0))
        discord.permissions |= document.get("permissions") or {}
        discord.member = bool(document.get("member", discord.member))
        discord.closed_to |= set(document.get("closed_to") or ())
        discord.messages.pop(str(document.get("delete")), None)
        discord.token = str(document.get("token", discord.token))
        gateway.identifies = int(document.get("identifies", gateway.identifies))
        sockets = gateway.connections()
        if document.get("forget"):
            gateway.sessions.clear()
        for socket in sockets:
            if "close" in document:
                socket.close(int(document["close"]))
            elif document.get("reconnect"):
                socket.send(json.dumps({"op": 7, "s": None, "t": None, "d": None}).encode(), opcode=1)
            elif document.get("drop"):
                socket.drop()
        return self._gateway()


class Server:
    """The HTTP API below `/api/v10`, the gateway at `/gateway/`, and the controls, on one port."""

    def __init__(self, discord: Discord, tls: ssl.SSLContext | None = None) -> None:
        self._discord, self._tls = discord, tls
        self._api, self._control = Api(discord), Control(discord)
        self._server: asyncio.Server | None = None
        self._lines: dict[asyncio.StreamWriter, asyncio.Task[None] | None] = {}

    async def start(self, host: str, port: int) -> int:
        """Listen; the port."""
        self._server = await asyncio.start_server(self._serve, host, port, ssl=self._tls, limit=HEAD_BYTES)
        self._discord.gateway.scheme = "wss" if self._tls else "ws"
        at: int = self._server.sockets[0].getsockname()[1]
        return at

    async def stop(self) -> None:
        """Hang up on everybody."""
        if self._server:
            self._server.close()
        tasks = [task for task in self._lines.values() if task]
        for writer in self._lines:
            writer.transport.abort()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._lines[writer] = asyncio.current_task()
        try:
            while (request := await asyncio.wait_for(_read(reader), 60)) is not None:
                if request.headers.get("upgrade", "").lower() == "websocket":
                    return await self._connect(request, reader, writer)
                writer.write(self._answer(request))
                await writer.drain()
        except (ConnectionError, TimeoutError, ValueError, EOFError, asyncio.LimitOverrunError):
            pass
        finally:
            del self._lines[writer]
            writer.close()

    def _answer(self, request: Request) -> bytes:
        document: Any
        try:
            if request.path.startswith("/_stand-in/"):
                status, headers, document = self._control.answer(request, request.path.removeprefix("/_stand-in"))
            else:
                status, headers, document = self._api.answer(request, request.path)
        except Refused as refusal:
            status, headers, document = refusal.status, refusal.headers, refusal.document
        except (KeyError, ValueError, TypeError, AttributeError) as error:
            status, headers, document = 400, {}, {"message": f"Not understood: {type(error).__name__}", "code": 0}
        body = b"" if document is None else json.dumps(document).encode()
        kind = {} if document is None else {"Content-Type": "application/json"}
        lines = {**kind, "Content-Length": str(len(body)), "Via": "1.1 google", **headers}
        head = [f"HTTP/1.1 {status} -", *(f"{name}: {value}" for name, value in lines.items()), "", ""]
        return "\r\n".join(head).encode() + body

    async def _connect(self, request: Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        key = request.headers.get("sec-websocket-key", "")
        if request.path != "/gateway/" or request.headers.get("sec-websocket-version") != "13" or not key:
            writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            return None
        writer.write(WebSocket.greeting(key))
        socket = WebSocket(reader, writer)
        if request.query.get("v") != VERSION or request.query.get("encoding") != "json":
            self._discord.gateway.closes.append(4012)
            return socket.close(4012, "Invalid API version.")
        host, compress = request.headers.get("host", ""), request.query.get("compress", "")
        return await Connection(self._discord.gateway, socket, host, compress).serve()


async def _read(reader: asyncio.StreamReader) -> Request | None:
    """One request; None where no other one comes. Raises ValueError and LimitOverrunError for what is none."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.decode("latin-1").split("\r\n")[:-2]
    method, target, _ = first.split(" ")
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    length = int(headers.get("content-length", "0"))
    if not 0 <= length <= BODY_BYTES or "transfer-encoding" in headers:
        raise ValueError(target)
    parts = urlsplit(target)
    query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    return Request(method, parts.path, query, headers, await reader.readexactly(length))


async def serve(options: argparse.Namespace) -> None:
    """Serve until the process is stopped."""
    tls = None
    if options.certificate:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(options.certificate, options.key)
    host, _, port = options.listen.rpartition(":")
    discord = Discord(options.token_file.read_text().strip(), options.guild, options.channel)
    await Server(discord, tls).start(host, int(port))
    await asyncio.Event().wait()


def main() -> None:
    """Serve as the arguments say."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--listen", required=True, help="address:port")
    parser.add_argument("--token-file", type=Path, required=True, help="the bot's token")
    parser.add_argument("--guild", required=True, help="the guild's id")
    parser.add_argument("--channel", required=True, help="the id of its channel")
    parser.add_argument("--certificate", type=Path)
    parser.add_argument("--key", type=Path)
    asyncio.run(serve(parser.parse_args()))


if __name__ == "__main__":
    main()
