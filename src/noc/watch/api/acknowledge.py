"""The door for links in alerts: `/ack/KEY` takes over one incident, once, and does nothing else.

Whoever has the link may use it: that is its purpose, and all that it gives away. Looking at it changes nothing, because
programs that show a preview look at every link. A key that was used, has expired or never was gives one and the same
answer; its secret is 256 random bits, looked up by their hash, so that neither answers nor times help to guess one.
"""

import asyncio
from html import escape
from typing import Final

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Route

from noc.errors import NocError
from noc.watch.access.keyring import Keyring
from noc.watch.access.limit import Limit
from noc.watch.clock import now
from noc.watch.errors import StoreTrouble
from noc.watch.service.watch import Watch
from noc.watch.store.queries import Document, read_incident
from noc.watch.store.records import Key

TRIES: Final = 30
WINDOW_S: Final = 60.0
LONGEST_KEY: Final = 100
HEADERS: Final = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'",
}
_PAGE: Final = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width"><meta name="color-scheme" content="light dark">
<style>body{{font:1.1rem/1.5 system-ui,sans-serif;margin:3rem auto;max-width:34rem;padding:0 1rem}}
button{{font:inherit;padding:.6rem 1.4rem}}</style></head><body><h1>{title}</h1><p>{text}</p>{form}</body></html>
"""
_FORM: Final = '<form method="post"><button>Take it over</button></form>'


class AcknowledgeDoor:
    """The two routes of a link: a page with a button, and the button."""

    def __init__(self, watch: Watch, keyring: Keyring) -> None:
        """Take the watch whose incidents they are, and the keys that it gave away."""
        self._watch, self._keyring = watch, keyring
        self._limit = Limit(TRIES, WINDOW_S)

    def routes(self) -> list[BaseRoute]:
        """Where links lead; to be served to everybody who reaches the proxy."""
        return [
            Route("/ack/{key}", self.show, methods=["GET"]),
            Route("/ack/{key}", self.acknowledge, methods=["POST"]),
        ]

    async def show(self, request: Request) -> Response:
        """Say what the link would do, and do nothing."""
        found = await self._find(request)
        if isinstance(found, Response):
            return found
        _, incident = found
        text = f"{incident['severity']} {incident['node']}: {incident['detail']}"
        return _page(f"Incident {incident['id']}", text, form="" if _taken(incident) else _FORM, more=_taken(incident))

    async def acknowledge(self, request: Request) -> Response:
        """Take the incident over, and use the key up."""
        found = await self._find(request)
        if isinstance(found, Response):
            return found
        key, incident = found
        title, taken = f"Incident {incident['id']}", _taken(incident)
        try:
            if not taken:
                await self._watch.acknowledge(incident["id"], f"{key.person} link")
            await self._keyring.drop([key])
        except StoreTrouble:
            return _page("Not now", "The watch's database is in trouble. Try again, or sign in on HQ.", 503)
        except NocError:  # it ended in this moment
            return _nothing()
        return _page(title, taken or "You have taken it over. Nobody is reminded of it any more.")

    async def _find(self, request: Request) -> tuple[Key, Document] | Response:
        """The key of a link and its open incident, or what is answered instead. Only wrong keys count as tries."""
        secret = request.path_params["key"]
        key = self._keyring.find(secret, "acknowledge") if len(secret) <= LONGEST_KEY else None
        if key is None or key.incident is None:
            return self._too_many(request) or _nothing()
        story = await asyncio.to_thread(read_incident, self._watch.store.engine, key.incident)
        if story is None or story["incident"]["ended_at"] is not None:
            return _nothing()
        return key, story["incident"]

    def _too_many(self, request: Request) -> Response | None:
        """Refuse an address that tries too often; behind the proxy the door knows it, elsewhere all are one."""
        mono, address = now().mono, request.scope.get("state", {}).get("address", "")
        if self._limit.allows(address, mono):
            self._limit.failed(address)
            return None
        refusal = _page("Too many requests", "Wait a minute.", 429)
        refusal.headers["Retry-After"] = str(self._limit.wait_s(mono))
        return refusal


def _taken(incident: Document) -> str:
    """Who has taken an incident over, as a sentence; "" where nobody has."""
    who = incident["acknowledged_by"]
    return f"{who} has taken it over." if who else ""


def _nothing() -> Response:
    return _page("Nothing here", "The link was used, has expired, or its incident is over. noc incidents tells.", 404)


def _page(title: str, text: str, status: int = 200, *, form: str = "", more: str = "") -> Response:
    said = " ".join(filter(None, (text, more)))
    return HTMLResponse(_PAGE.format(title=escape(title), text=escape(said), form=form), status, HEADERS)
