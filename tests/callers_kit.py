"""Both doors of a watch in the test's own process, at which any login of HQ may knock.

Only the look-up of a uid's login is the test's: this machine has no such users.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.types import ASGIApp, Receive, Scope, Send

from noc.fleet.model import Person, Role
from noc.watch.access.doors import COOKIE, UID
from noc.watch.access.keyring import Keyring
from noc.watch.config import Config
from noc.watch.server.faces import Faces
from noc.watch.service.watch import Watch
from watching import watching

PAGE = {"accept": "text/html"}
PEOPLE: Mapping[str, Role] = {"johan": "approver", "olga": "operator", "vera": "viewer", "claude": "agent"}


class Callers:
    """Who is on HQ, and asks the watch."""

    def __init__(self, watch: Watch, faces: Faces, keyring: Keyring) -> None:
        self.watch, self.faces, self.keyring = watch, faces, keyring

    def employ(self, **roles: Role) -> None:
        """Have these people in the fleet file, and nobody else."""
        people = tuple(Person(name=name.replace("_", "-"), role=role) for name, role in roles.items())
        config = self.watch.config
        self.watch.config = Config(**{**vars(config), "fleet": config.fleet.model_copy(update={"people": people})})

    async def at_socket(self, login: str, method: str, path: str, **request: Any) -> httpx.Response:
        """Ask at the local socket, as a login."""
        transport = httpx.ASGITransport(_knocked(self.faces.local, {UID: _uid(login)}))
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            return await client.request(method, path, **request)

    async def at_proxy(self, method: str, path: str, **request: Any) -> httpx.Response:
        """Ask behind the proxy."""
        transport = httpx.ASGITransport(_knocked(self.faces.web, {}))
        request["headers"] = {"x-forwarded-for": "198.51.100.7"} | request.get("headers", {})
        base = f"https://noc.{self.watch.config.fleet.domain}"
        async with httpx.AsyncClient(transport=transport, base_url=base) as client:
            return await client.request(method, path, **request)

    async def session(self, person: str) -> dict[str, str]:
        """The headers of a browser in which a person has signed in."""
        role = next(each.role for each in self.watch.config.fleet.people if each.name == person)
        secret, _ = await self.keyring.make("session", person=person, role=role, name="test", lasts_ms=600_000)
        return {"cookie": f"{COOKIE}={secret}", "sec-fetch-site": "same-origin", **PAGE}


def _knocked(app: ASGIApp, state: dict[str, Any]) -> ASGIApp:
    """The application as a listener calls it, which notes who is there."""

    async def knocked(scope: Scope, receive: Receive, send: Send) -> None:
        scope["state"] = dict(state)
        await app(scope, receive, send)

    return knocked


def _uid(login: str) -> int:
    return int.from_bytes(login.encode())


def _login(uid: int) -> str:
    return uid.to_bytes((uid.bit_length() + 7) // 8).decode()


@asynccontextmanager
async def callers(folder: Path, monkeypatch: pytest.MonkeyPatch, runner: Path | None = None) -> AsyncIterator[Callers]:
    """A watch of three live nodes, with the people of `PEOPLE`, beside the runner at a socket or beside none."""
    monkeypatch.setattr("noc.watch.access.people._login", _login)
    async with watching(folder) as watch:
        faces = await Faces.open(watch, runner)
        keyring = Keyring(watch)
        await keyring.start()
        found = Callers(watch, faces, keyring)
        found.employ(**PEOPLE)
        try:
            yield found
        finally:
            faces.stop()
