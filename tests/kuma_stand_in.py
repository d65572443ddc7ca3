"""A stand-in for Uptime Kuma 2.x on loopback: its socket's events, acknowledgements and refusals, in memory.

Each of them, its source and the test that provokes it stand in docs/stand-ins.md. It speaks the real protocol, by the
server half of python-socketio, and judges nothing: no monitor is ever looked at.
"""

import asyncio
import json
import re
import secrets
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import socketio
import uvicorn
from engineio.packet import NOOP, Packet
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

USER, PASSWORD, CODE = "admin", "Secret-12345", "123456"
COLUMNS = {
    *("name", "description", "parent", "type", "url", "method", "interval", "retryInterval", "resendInterval"),
    *("maxretries", "upsideDown", "pushToken", "active", "accepted_statuscodes_json", "conditions", "rabbitmqNodes"),
    *("kafkaProducerBrokers", "kafkaProducerSaslOptions", "timeout", "keyword", "hostname", "expiryNotification"),
}
EDITED = COLUMNS - {"active"}
TOLD_ONLY = {"id", "active", "tags", "notificationIDList", "accepted_statuscodes", "pathName", "maintenance"}
DEFAULTS: dict[str, Any] = {"conditions": "[]", "active": True, "description": None, "parent": None}
LOGINS_A_MINUTE = 20

Row = dict[str, Any]


class Refusal(Exception):
    """What the original throws in a handler, and says as `msg`."""


@dataclass
class Kuma:
    """What the stand-in holds, and how it is told to behave.

    Attributes:
        version: as `info` has it after the sign-in.
        second_factor: whether the user has one.
        logins: tried so far, of those that a minute allows.
        monitors, notices, tags, pages: rows by number; each page's groups are in `groups`.
        asked: every event that changes something, in order.
        refuse: events that are refused whatever they say, with the words.
        silent: events that are never answered.
        edit_starts: whether an edit starts a monitor that was paused, as the pre-release 2.0.0-dev.0 does.
        url: where it is.
    """

    version: str = "2.5.3"
    second_factor: bool = False
    logins: int = 0
    monitors: dict[int, Row] = field(default_factory=dict)
    notices: dict[int, Row] = field(default_factory=dict)
    tags: dict[int, Row] = field(default_factory=dict)
    pages: dict[int, Row] = field(default_factory=dict)
    groups: dict[str, list[Row]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    refuse: dict[str, str] = field(default_factory=dict)
    silent: set[str] = field(default_factory=set)
    edit_starts: bool = False
    used_codes: set[str] = field(default_factory=set)
    sessions: dict[str, str] = field(default_factory=dict)
    room: set[str] = field(default_factory=set)
    url: str = ""

    def monitor(self, name: str) -> Row:
        """The one monitor of that name."""
        (found,) = [row for row in self.monitors.values() if row["name"] == name]
        return found

    def add_monitor(self, name: str, **more: Any) -> int:
        """A monitor that somebody made by hand."""
        row = {"name": name, "type": "push", "interval": 60, "retryInterval": 60, "maxretries": 0, **more}
        return self._store_monitor({"accepted_statuscodes": ["200-299"], "conditions": [], **row})

    def shown(self, row: Row) -> Row:
        """A monitor as its model's toJSON has it."""
        told = {name: value for name, value in row.items() if name != "accepted_statuscodes_json"}
        parsed = {name: json.loads(row[name]) for name in ("conditions", "rabbitmqNodes") if row.get(name)}
        return {**told, "accepted_statuscodes": json.loads(row["accepted_statuscodes_json"]), **parsed}

    def add(self, monitor: Row) -> Row:
        """`add`: what is not said gets the column's default; what the table does not have is refused."""
        return {"ok": True, "msg": "successAdded", "msgi18n": True, "monitorID": self._store_monitor(dict(monitor))}

    def _store_monitor(self, monitor: Row) -> int:
        attached = monitor.pop("notificationIDList", {})
        row = _columns(monitor)
        if unknown := sorted(set(row) - COLUMNS):
            raise Refusal(f"insert into `monitor` - SQLITE_ERROR: table monitor has no column named {unknown[0]}")
        number = max(self.monitors, default=0) + 1
        row = {**DEFAULTS, **row, "id": number, "tags": [], "notificationIDList": _attached(attached)}
        _validate(row)
        self.monitors[number] = row
        return number

    def edit(self, monitor: Row) -> Row:
        """`editMonitor`: every field is replaced, by nothing where nothing is said."""
        row = self.monitors.get(monitor.get("id", 0))
        if row is None:
            raise Refusal("Cannot read properties of null (reading 'user_id')")
        changed = _columns(
            {name: value for name, value in monitor.items() if name not in TOLD_ONLY - {"accepted_statuscodes"}}
        )
        edited = {**row, **{name: changed.get(name) for name in EDITED}}
        _validate(edited)
        edited["active"] = row["active"] or self.edit_starts
        self.monitors[row["id"]] = {**edited, "notificationIDList": _attached(monitor.get("notificationIDList", {}))}
        return {"ok": True, "msg": "Saved.", "msgi18n": True, "monitorID": row["id"]}

    def switch(self, number: int, *, on: bool) -> Row:
        """`resumeMonitor` and `pauseMonitor`."""
        if number not in self.monitors:
            raise Refusal("You do not own this monitor.")
        self.monitors[number]["active"] = on
        return {"ok": True, "msg": "successResumed" if on else "successPaused", "msgi18n": True}

    def add_tag(self, tag: Row) -> Row:
        """`addTag`: two may have one name."""
        number = max(self.tags, default=0) + 1
        self.tags[number] = {"id": number, "name": tag["name"], "color": tag["color"]}
        return {"ok": True, "tag": self.tags[number]}

    def tag_monitor(self, tag: int, monitor: int, value: str) -> Row:
        """`addMonitorTag`: a foreign key on both."""
        if tag not in self.tags or monitor not in self.monitors:
            raise Refusal("insert into `monitor_tag` - SQLITE_CONSTRAINT: FOREIGN KEY constraint failed")
        row = {"monitor_id": monitor, "tag_id": tag, "value": value, **self.tags[tag]}
        self.monitors[monitor]["tags"].append(row)
        return {"ok": True, "msg": "successAdded", "msgi18n": True}

    def keep_notice(self, notice: Row, number: int | None) -> Row:
        """`addNotification`: a new one without a number; the configuration is kept as it comes."""
        if number and number not in self.notices:
            raise Refusal("notification not found")
        number = number or max(self.notices, default=0) + 1
        default = bool(notice.get("isDefault"))
        self.notices[number] = {
            "id": number,
            "name": notice["name"],
            "config": json.dumps(notice),
            "isDefault": default,
        }
        return {"ok": True, "msg": "Saved.", "msgi18n": True, "id": number}

    def page(self, slug: str) -> Row:
        """The page of a slug."""
        for page in self.pages.values():
            if page["slug"] == slug:
                return page
        raise Refusal("No slug?")

    def add_page(self, title: str, slug: str) -> Row:
        """`addStatusPage`."""
        if not (title or "").strip() or not (slug or "").strip():
            raise Refusal("Please input all fields")
        _check_slug(slug)
        if any(page["slug"] == slug for page in self.pages.values()):
            raise Refusal("insert into `status_page` - SQLITE_CONSTRAINT: UNIQUE constraint failed: status_page.slug")
        number = max(self.pages, default=0) + 1
        more: Row = {
            "description": None,
            "theme": "auto",
            "footerText": None,
            "analyticsType": None,
            "domainNameList": [],
        }
        self.pages[number] = {"id": number, "slug": slug, "title": title, "icon": "/icon.svg", **more}
        self.groups[slug] = []
        return {"ok": True, "msg": "successAdded", "msgi18n": True, "slug": slug}

    def save_page(self, slug: str, config: Row, image: str, groups: list[Row]) -> Row:
        """`saveStatusPage`: the page's fields and its groups are replaced."""
        page = self.page(slug)
        _check_slug(config.get("slug"))
        if not isinstance(image, str):
            raise Refusal("imgDataUrl.startsWith is not a function")
        if config.get("analyticsType", "undefined") not in (None, "google", "umami", "plausible", "matomo", "rybbit"):
            raise Refusal("Invalid analytics type")
        if not isinstance(config.get("domainNameList"), list):
            raise Refusal("Invalid array")
        if any(each["id"] not in self.monitors for group in groups for each in group["monitorList"]):
            raise Refusal("insert into `monitor_group` - SQLITE_CONSTRAINT: FOREIGN KEY constraint failed")
        page.update({**{name: config.get(name) for name in page}, "id": page["id"], "icon": image})
        taken = [int(group.get("id") or 0) for kept in self.groups.values() for group in kept]
        for number, group in enumerate(groups, max(taken, default=0) + 1):
            group.setdefault("id", number)
        self.groups[slug] = groups
        return {"ok": True, "publicGroupList": groups}


def _columns(monitor: Row) -> Row:
    """What becomes of the fields that are stored as JSON."""
    codes = monitor.pop("accepted_statuscodes", None)
    if codes is None:
        raise Refusal("Cannot read properties of undefined (reading 'every')")
    if not all(isinstance(code, str) for code in codes):
        raise Refusal("Accepted status codes are not all strings")
    if "conditions" not in monitor:
        raise Refusal("insert into `monitor` - SQLITE_CONSTRAINT: NOT NULL constraint failed: monitor.conditions")
    as_text = ("conditions", "rabbitmqNodes", "kafkaProducerBrokers", "kafkaProducerSaslOptions")
    texts = {name: json.dumps(monitor[name]) for name in as_text if name in monitor}
    return {**monitor, **texts, "accepted_statuscodes_json": json.dumps(codes)}


def _validate(row: Row) -> None:
    for name, word in (("interval", "Interval"), ("retryInterval", "Retry interval")):
        if row[name] > 2_073_600:
            raise Refusal(f"{word} cannot be more than 2073600 seconds")
        if row[name] < 20:
            raise Refusal(f"{word} cannot be less than 20 seconds")
    if len(row.get("pushToken") or "") > 32:
        raise Refusal("update `monitor` - ER_DATA_TOO_LONG: Data too long for column 'push_token' at row 1")


def _attached(listed: Row) -> Row:
    return {str(number): True for number, on in listed.items() if on}


def _check_slug(slug: object) -> None:
    if not isinstance(slug, str):
        raise Refusal("Slug must be string")
    if not re.fullmatch(r"[A-Za-z0-9]+(?:-[A-Za-z0-9]+)*", slug.strip()):
        raise Refusal("Invalid Slug")


Handler = Callable[..., Awaitable[Row | None]]


class Door:
    """The stand-in's sockets."""

    def __init__(self, kuma: Kuma) -> None:
        self.kuma, self.sockets = kuma, socketio.AsyncServer(async_mode="asgi")
        self._forget, self.sockets.eio.handlers["disconnect"] = self.sockets.eio.handlers["disconnect"], self._left
        self.sockets.on("connect", self._connected)
        for event, act in self._acts().items():
            self.sockets.on(event, self._guarded(event, act))
        self.sockets.on("login", self._login)
        self.sockets.on("loginByToken", self._login_by_token)

    @property
    def app(self) -> Any:
        routes = [Route("/api/status-page/{slug}", self._public_page)]
        return socketio.ASGIApp(self.sockets, Starlette(routes=routes))

    def _acts(self) -> dict[str, Callable[..., Row]]:
        kuma = self.kuma
        return {
            "add": kuma.add,
            "editMonitor": kuma.edit,
            "pauseMonitor": lambda number: kuma.switch(number, on=False),
            "resumeMonitor": lambda number: kuma.switch(number, on=True),
            "getTags": lambda: {"ok": True, "tags": [*kuma.tags.values()]},
            "addTag": kuma.add_tag,
            "addMonitorTag": kuma.tag_monitor,
            "addNotification": kuma.keep_notice,
            "getStatusPage": lambda slug: {"ok": True, "config": kuma.page(slug)},
            "addStatusPage": kuma.add_page,
            "saveStatusPage": kuma.save_page,
        }

    def _guarded(self, event: str, act: Callable[..., Row]) -> Handler:
        async def handle(sid: str, *values: Any) -> Row | None:
            if event in self.kuma.silent:
                await asyncio.sleep(60)
            try:
                self._check(sid, event)
                if not event.startswith("get"):
                    self.kuma.asked.append(event)
                return act(*values)
            except Refusal as refusal:
                return {"ok": False, "msg": str(refusal)}

        return handle

    async def _left(self, sid: str, reason: str) -> None:
        """As the original's library does, and this one does not: the poll that is open ends when the client leaves."""
        await self._forget(sid, reason)
        await self.sockets.eio.sockets[sid].send(Packet(NOOP))

    def _check(self, sid: str, event: str) -> None:
        if sid not in self.kuma.room:
            raise Refusal("You are not logged in.")
        if event in self.kuma.refuse:
            raise Refusal(self.kuma.refuse[event])

    async def _connected(self, sid: str, _environ: Row) -> None:
        await self.sockets.emit("info", {"primaryBaseURL": None, "serverTimezone": "UTC"}, to=sid)
        await self.sockets.emit("loginRequired", to=sid)

    async def _login(self, sid: str, said: Row) -> Row:
        self.kuma.logins += 1
        if self.kuma.logins > LOGINS_A_MINUTE:
            return {"ok": False, "msg": "Too frequently, try again later."}
        if (said.get("username"), said.get("password")) != (USER, PASSWORD):
            return {"ok": False, "msg": "authIncorrectCreds", "msgi18n": True}
        if self.kuma.second_factor:
            code = said.get("token")
            if not code:
                return {"tokenRequired": True}
            if code != CODE or code in self.kuma.used_codes:
                return {"ok": False, "msg": "authInvalidToken", "msgi18n": True}
            self.kuma.used_codes.add(code)
        token = secrets.token_hex(16)
        self.kuma.sessions[token] = USER
        await self._after_login(sid)
        return {"ok": True, "token": token}

    async def _login_by_token(self, sid: str, token: str) -> Row:
        if token not in self.kuma.sessions:
            return {"ok": False, "msg": "authInvalidToken", "msgi18n": True}
        await self._after_login(sid)
        return {"ok": True}

    async def _after_login(self, sid: str) -> None:
        kuma = self.kuma
        kuma.room.add(sid)
        shown = {str(number): kuma.shown(row) for number, row in kuma.monitors.items()}
        told = [("monitorList", shown), ("info", {"version": kuma.version}), ("maintenanceList", {})]
        told += [("notificationList", [*kuma.notices.values()]), ("proxyList", []), ("apiKeyList", [])]
        told += [("statusPageList", {str(number): page for number, page in kuma.pages.items()})]
        for event, value in told:
            await self.sockets.emit(event, value, to=sid)
        for number in kuma.monitors:
            for event in ("heartbeatList", "avgPing", "uptime"):
                await self.sockets.emit(event, (str(number), [], False), to=sid)

    async def _public_page(self, request: Request) -> Response:
        slug = request.path_params["slug"]
        if slug not in self.kuma.groups:
            return JSONResponse({"status": "fail", "msg": "Status Page Not Found"}, status_code=404)
        groups = [
            {
                "id": group["id"],
                "name": group["name"],
                "monitorList": [
                    {**each, "name": self.kuma.monitors[each["id"]]["name"]} for each in group["monitorList"]
                ],
            }
            for group in self.kuma.groups[slug]
        ]
        return JSONResponse({"config": self.kuma.page(slug), "publicGroupList": groups, "maintenanceList": []})


@contextmanager
def stand_in(certificate: tuple[Path, Path] | None = None, **more: Any) -> Iterator[Kuma]:
    """A stand-in that listens until the block ends; over TLS where it gets a certificate and its key."""
    kuma = Kuma(**more)
    tls: Row = {"ssl_certfile": str(certificate[0]), "ssl_keyfile": str(certificate[1])} if certificate else {}
    server = uvicorn.Server(
        uvicorn.Config(Door(kuma).app, host="127.0.0.1", port=0, log_level="error", ws="none", **tls)
    )
    started = threading.Event()
    original = server.startup

    async def startup(sockets: Any = None) -> None:
        await original(sockets)
        started.set()

    server.startup = startup  # type: ignore[method-assign]
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        assert started.wait(10)
        port = server.servers[0].sockets[0].getsockname()[1]
        kuma.url = f"{'https://localhost' if certificate else 'http://127.0.0.1'}:{port}"
        yield kuma
    finally:
        server.should_exit = True
        thread.join(10)
