"""Signing in without a password: a link that is good once and for ten minutes becomes a session in a cookie."""

import re
from dataclasses import dataclass, field
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from noc.errors import NotFound, NotPermitted
from noc.watch.access.caller import Caller, caller_of, need
from noc.watch.access.doors import COOKIE, SESSION_MS, names_of
from noc.watch.access.forms import read_fields, read_form
from noc.watch.access.keyring import Keyring
from noc.watch.access.limit import Limit
from noc.watch.access.people import role_of
from noc.watch.clock import iso, now
from noc.watch.errors import LinkSpent, TooManyTries
from noc.watch.pages.look import HEADERS, Look
from noc.watch.service.watch import Watch
from noc.watch.store.records import Key

LINK_MS: Final = 600_000
FAILURES: Final = 10
WINDOW_S: Final = 60.0

_KEY: Final = re.compile(r"[A-Za-z0-9_-]{20,100}")
_BROWSERS: Final = ("Edg", "Firefox", "Chrome", "Safari")
_SYSTEMS: Final = ("Android", "iPhone", "iPad", "Windows", "Mac OS", "Linux")


@dataclass(frozen=True)
class Login:
    """Links, sessions, and the two pages for who has none."""

    watch: Watch
    look: Look
    keyring: Keyring
    limit: Limit = field(default_factory=lambda: Limit(FAILURES, WINDOW_S))

    def routes(self) -> list[BaseRoute]:
        """For browsers, and for `noc dashboard`."""
        return [
            Route("/login", self.page),
            Route("/login", self.sign_in, methods=["POST"]),
            Route("/logout", self.sign_out, methods=["POST"]),
            Route("/api/v1/links", self.link, methods=["POST"]),
            Route("/api/v1/sessions", self.sessions),
            Route("/api/v1/sessions/{person}", self.end, methods=["DELETE"]),
        ]

    async def page(self, _request: Request) -> Response:
        """Where a link leads: its key stands behind the `#`, which no server sees, and the script sends it."""
        return self.sign_in_page(200)

    def sign_in_page(self, status: int, *, refusal: str = "", again: str = "") -> Response:
        """The form to sign in; `again` is the page that was asked for, for who has signed in already."""
        html = self.look.render("login.html", now(), refusal=refusal, again=again)
        return HTMLResponse(html, status, HEADERS)

    async def sign_in(self, request: Request) -> Response:
        """Turn a key into a session. Raises TooManyTries, LinkSpent, StoreTrouble."""
        moment, address = now(), request.scope["state"].get("address", "")
        if not self.limit.allows(address, moment.mono):
            raise TooManyTries("too many tries to sign in", fix=f"wait {self.limit.wait_s(moment.mono)} s")
        secret = (await read_fields(request)).get("key", "").strip().rpartition("#")[2]
        link = await self.keyring.take(secret, "link") if _KEY.fullmatch(secret) else None
        role = role_of(self.watch.config.fleet, link.person) if link else None
        if link is None or role is None:
            self.limit.failed(address)
            raise LinkSpent("this key is good for nothing (any more)", fix="on HQ: noc dashboard --link")
        name = browser_of(request.headers.get("user-agent", ""))
        secret, _ = await self.keyring.make("session", person=link.person, role=role, name=name, lasts_ms=SESSION_MS)
        answer = RedirectResponse("/", 303, headers=HEADERS)
        answer.set_cookie(COOKIE, secret, SESSION_MS // 1000, path="/", secure=True, httponly=True, samesite="strict")
        return answer

    async def sign_out(self, request: Request) -> Response:
        """End the session that asks. Raises NotPermitted, ForeignForm, StoreTrouble."""
        need(request, "viewer")
        await read_form(request)
        key = request.scope["state"].get("session")
        if isinstance(key, Key):
            await self.keyring.drop([key])
        answer = RedirectResponse("/login", 303, headers=HEADERS)
        answer.delete_cookie(COOKIE, path="/", secure=True, httponly=True, samesite="strict")
        return answer

    async def link(self, request: Request) -> Response:
        """A link for the person at the other end of the socket. Raises NotPermitted, StoreTrouble."""
        caller, fleet = _at_hq(request), self.watch.config.fleet
        role = role_of(fleet, caller.name)
        if role is None:
            why = "a session belongs to a person, and the fleet file names none with this login"
            raise NotPermitted(f"{caller.name} cannot sign in", why=why, fix="log in as yourself, or add [[people]]")
        secret, key = await self.keyring.make("link", person=caller.name, role=role, name="link", lasts_ms=LINK_MS)
        host = min(names_of(fleet))
        return JSONResponse(
            {"url": f"https://{host}/login#{secret}", "person": key.person, "expires_at": iso(key.expires)}
        )

    async def sessions(self, request: Request) -> Response:
        """Who is signed in where: everybody for an operator, else the caller's own."""
        caller = _at_hq(request)
        person = None if caller.role in {"operator", "approver"} else caller.name
        return JSONResponse({"sessions": [self._session(key) for key in self.keyring.of("session", person)]})

    async def end(self, request: Request) -> Response:
        """Sign a person out everywhere: oneself, or for an approver or root anybody. Raises NotPermitted, NotFound."""
        caller, person = _at_hq(request), request.path_params["person"]
        if person != caller.name and caller.role != "approver" and caller.name != "root":
            raise NotPermitted(f"{caller.name} may sign out nobody else", fix="ask an approver")
        keys = [*self.keyring.of("session", person), *self.keyring.of("link", person)]
        if not keys:
            raise NotFound(f"{person[:64]!r} has no session", fix="noc dashboard --sessions lists who is signed in")
        await self.keyring.drop(keys)
        return JSONResponse({"person": person, "ended": len(keys)})

    def _session(self, key: Key) -> dict[str, Any]:
        known = role_of(self.watch.config.fleet, key.person)
        used = iso(key.used or key.created)
        return {"person": key.person, "role": known, "browser": key.name} | {
            "created_at": iso(key.created),
            "used_at": used,
            "expires_at": iso(key.expires),
        }


def _at_hq(request: Request) -> Caller:
    """The caller, who has a login on HQ: no token and no session gives itself a longer life. Raises NotPermitted."""
    caller = caller_of(request)
    if caller.via != "socket":
        raise NotPermitted("this is asked on HQ only", fix="on HQ: noc dashboard --link")
    return caller


def browser_of(agent: str) -> str:
    """A few words for a browser, such as `Firefox on Linux`, of what it calls itself."""
    browser = next((name for name in _BROWSERS if name in agent), "browser").replace("Edg", "Edge")
    system = next((name for name in _SYSTEMS if name in agent), "")
    return f"{browser} on {system}" if system else browser
