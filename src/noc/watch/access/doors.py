"""The two doors of the watch: the Unix socket, where the kernel says who asks, and the proxy's, where a key does.

Both say in the request's state who the caller is, and which token its forms must carry.
"""

import ipaddress
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Final

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from noc.errors import NocError, NotPermitted
from noc.fleet.model import Fleet
from noc.fleet.peers import is_operators
from noc.watch.access.caller import RANK, Caller
from noc.watch.access.forms import FIELD, form_token, is_same_origin
from noc.watch.access.keyring import Keyring
from noc.watch.access.people import PROGRAMS, caller_at, role_of, spoken_for
from noc.watch.clock import now
from noc.watch.config import Config
from noc.watch.errors import ForeignForm, NotOurName, NotTheBot, StoreTrouble
from noc.watch.store.records import Key

UID: Final = "uid"
"""Where the listener puts the peer's uid in a request's state."""

FOR: Final = "noc-for"
"""The header in which the bot says for which person it asks."""

COOKIE: Final = "__Host-noc"
SESSION_MS: Final = 30 * 86_400_000
PROLONG_MS: Final = 3_600_000
"""A session that is used is prolonged, at most this often."""

SAFE: Final = {"GET", "HEAD"}
_LOOPBACK: Final = {"127.0.0.1", "localhost", "[::1]"}
_PORT: Final = re.compile(r":\d+$")
_LABEL: Final = re.compile(r"[A-Za-z0-9-]+")
_SECRET: Final = re.compile(r"[A-Za-z0-9_-]{20,100}")


class _Door(ABC):
    """Finds the caller of every request; who is refused never reaches the application."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request on with its caller, or answer with a refusal."""
        if scope["type"] == "http":
            try:
                await self.admit(scope, Headers(scope=scope))
            except NocError as error:
                status = 421 if isinstance(error, NotOurName) else 403
                await JSONResponse({"error": error.as_dict()}, status)(scope, receive, send)
                return
        await self._app(scope, receive, send)

    @abstractmethod
    async def admit(self, scope: Scope, headers: Headers) -> None:
        """Write the caller into the request's state. Raises NocError for who is refused."""


class PeerDoor(_Door):
    """The local listener: the caller is who opened the connection.

    A browser gets here through SSH, so names that a stranger's page could have are refused, and so is a change that
    another site asks for.
    """

    def __init__(self, app: ASGIApp, fleet: Callable[[], Fleet]) -> None:
        """Wrap the application; `fleet` is the fleet file as it stands."""
        super().__init__(app)
        self._fleet = fleet

    async def admit(self, scope: Scope, headers: Headers) -> None:
        """Let callers of this machine in. Raises NotPermitted, ForeignForm, NotTheBot."""
        if not _is_local_name(headers.get("host", "")):
            raise NotPermitted("this listener answers to 127.0.0.1 and localhost only")
        is_change, is_browser = scope["method"] not in SAFE, "origin" in headers or "sec-fetch-site" in headers
        if is_change and is_browser and not is_same_origin(headers, scheme="http"):
            raise ForeignForm("another site sent this form")
        uid = scope["state"].get(UID)
        if uid is None:
            raise NotPermitted("nobody knows who opened this connection")
        caller = caller_at(self._fleet(), uid)
        if caller.name in PROGRAMS and not is_for_programs(scope["path"]):
            raise NotPermitted(f"{caller.name} is a program, and pages are for people", fix="/api/v1/openapi.json")
        if names := headers.getlist(FOR):
            caller = spoken_for(self._fleet(), caller, names)
        scope["state"] |= {"caller": caller, FIELD: form_token(None, uid)}


class WebDoor(_Door):
    """The proxy's listener: pages need a session, the API needs a token, nodes get nothing at all.

    Requests that may come without either reach the application without a caller, and it asks them to sign in.
    """

    def __init__(self, app: ASGIApp, config: Callable[[], Config], keyring: Keyring) -> None:
        """Wrap the application; `config` is the fleet as it stands."""
        super().__init__(app)
        self._config, self._keyring = config, keyring

    async def admit(self, scope: Scope, headers: Headers) -> None:
        """Say who asks, as far as a key proves it. Raises NotOurName, NotPermitted, NotTheBot, ForeignForm."""
        config, path = self._config(), scope["path"]
        if FOR in headers:
            raise NotTheBot("nobody speaks for somebody else here", fix="sign in, or send a token of your own")
        if headers.get("host", "") not in names_of(config.fleet):
            raise NotOurName("this is not the host that was asked for")
        scope["state"]["address"] = address = client_address(headers)
        if is_nodes_address(config, address):
            raise NotPermitted("nodes have no business here")
        if is_for_programs(path):
            self._admit_token(scope, headers)
            return
        is_change, by_link = scope["method"] not in SAFE, path.startswith("/ack/")
        if is_change and not by_link and not is_same_origin(headers, scheme="https"):
            raise ForeignForm("another site sent this form")
        await self._admit_session(scope, headers)

    def _admit_token(self, scope: Scope, headers: Headers) -> None:
        kind, _, secret = headers.get("authorization", "").partition(" ")
        key = self._keyring.find(secret.strip(), "token") if kind.lower() == "bearer" else None
        role = role_of(self._config().fleet, key.person) if key else None
        if key is not None and role is not None:  # a token may do no more than who made it may now
            scope["state"]["caller"] = Caller(key.name, min(key.role, role, key=RANK.__getitem__), "token")

    async def _admit_session(self, scope: Scope, headers: Headers) -> None:
        secret = session_secret(headers)
        key = self._keyring.find(secret, "session") if secret else None
        role = role_of(self._config().fleet, key.person) if key else None
        if key is None or role is None:
            return
        scope["state"] |= {"caller": Caller(key.person, role, "session"), "session": key, FIELD: form_token(secret)}
        await self._prolong(key)

    async def _prolong(self, key: Key) -> None:
        if now().wall - (key.used or key.created) < PROLONG_MS:
            return
        try:
            await self._keyring.prolong(key, SESSION_MS)
        except StoreTrouble:
            return  # it lasts for days yet, and the page that shows the trouble must open


def names_of(fleet: Fleet) -> set[str]:
    """The names of HQ at which operators reach the watch: all but the status page's."""
    return {f"{name}.{fleet.domain}" for name in fleet.hub.names if name != "soc"}


def client_address(headers: Mapping[str, str]) -> str:
    """Whom the proxy speaks for: the last entry of `X-Forwarded-For`, which it wrote itself; "" where it wrote none."""
    return headers.get("x-forwarded-for", "").rpartition(",")[2].strip()


def is_nodes_address(config: Config, address: str) -> bool:
    """Whether it is a node's: its public address, or one in the tunnel that is not kept for operators."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return True  # a proxy that does not say for whom it speaks is none of ours
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is None:
            return False
        parsed = parsed.ipv4_mapped
    network = config.fleet.tunnel.network
    if parsed in network:
        return not is_operators(config.fleet, parsed)
    return any(each.public == str(parsed) for each in config.nodes.values())


def session_secret(headers: Mapping[str, str]) -> str | None:
    """The session's secret in the cookie; None for none, or for what cannot be one."""
    for part in headers.get("cookie", "").split(";"):
        name, _, value = part.strip().partition("=")
        if name == COOKIE and _SECRET.fullmatch(value):
            return value
    return None


def _is_local_name(host: str) -> bool:
    """Whether a name can only mean this machine: a page of somebody else's has a name with a dot."""
    name = _PORT.sub("", host)
    return name in _LOOPBACK or _LABEL.fullmatch(name) is not None


def is_for_programs(path: str) -> bool:
    """Whether a path is of the API, where keys are tokens and answers are JSON."""
    return path.startswith("/api/") or path == "/metrics"
