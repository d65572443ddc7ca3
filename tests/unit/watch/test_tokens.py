"""Tokens from the one answer that shows them to the door that they open, and what ends them."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

from noc.fleet.model import Fleet, Person, Role
from noc.watch.access.doors import UID, PeerDoor, WebDoor
from noc.watch.access.keyring import MOST, Keyring
from noc.watch.api.refusals import HANDLERS
from noc.watch.api.rest import Api
from noc.watch.config import Config
from noc.watch.service.watch import Watch
from watching import watching

SOON = (datetime.now(UTC) + timedelta(days=30)).isoformat()
NOBODY = 65534


class House:
    """A watch in this process with both of its doors; the login that asks at the socket is `nobody`."""

    def __init__(self, watch: Watch, keyring: Keyring) -> None:
        self.watch, self.keyring = watch, keyring
        app = Starlette(routes=Api(watch, keyring).routes(), exception_handlers=dict(HANDLERS))
        peer, self._web = PeerDoor(app, lambda: watch.config.fleet), WebDoor(app, lambda: watch.config, keyring)

        async def local(scope: Any, receive: Any, send: Any) -> None:
            scope["state"] = {UID: self.uid}
            await peer(scope, receive, send)

        async def web(scope: Any, receive: Any, send: Any) -> None:
            scope["state"] = {}
            await self._web(scope, receive, send)

        self.uid = NOBODY
        self._local_transport, self._web_transport = httpx.ASGITransport(local), httpx.ASGITransport(web)

    def make(self, role: Role) -> None:
        """Let `nobody` be this from now on."""
        fleet: Fleet = self.watch.config.fleet.model_copy(update={"people": (Person(name="nobody", role=role),)})
        self._set(fleet)

    def dismiss(self) -> None:
        """Take `nobody` out of the fleet file."""
        self._set(self.watch.config.fleet.model_copy(update={"people": ()}))

    def _set(self, fleet: Fleet) -> None:
        config = self.watch.config
        self.watch.config = Config(**{**vars(config), "fleet": fleet})

    async def local(self, method: str, path: str, body: object = None) -> httpx.Response:
        """Ask at the socket."""
        async with httpx.AsyncClient(transport=self._local_transport, base_url="http://localhost") as client:
            return await client.request(method, path, json=body)

    async def web(self, secret: str | None, path: str = "/metrics", method: str = "GET") -> httpx.Response:
        """Ask behind the proxy, with a token or with none."""
        headers = {"host": "noc.clavitor.test", "x-forwarded-for": "198.51.100.7"}
        headers |= {"authorization": f"Bearer {secret}"} if secret is not None else {}
        async with httpx.AsyncClient(transport=self._web_transport, base_url="http://noc.clavitor.test") as client:
            return await client.request(method, path, headers=headers)

    async def token(self, name: str = "prometheus", role: str = "viewer", expires: str = SOON) -> httpx.Response:
        """Ask for a token at the socket."""
        return await self.local("PUT", f"/api/v1/tokens/{name}", {"role": role, "expires_at": expires})


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with watching(tmp_path) as watch:
        keyring = Keyring(watch)
        await keyring.start()
        house = House(watch, keyring)
        house.make("approver")
        yield house


async def test_a_token_opens_what_its_role_may_see(house: House) -> None:
    secret = (await house.token()).json()["secret"]
    assert "noc_node_state" in (await house.web(secret)).text
    assert (await house.web(secret, "/api/v1/nodes")).status_code == 200


@pytest.mark.parametrize("secret", [None, "", "x" * 43])
async def test_without_a_token_nothing_is_told_but_how_to_come_in(house: House, secret: str | None) -> None:
    answer = await house.web(secret)
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
    assert "noc_node" not in answer.text


async def test_the_same_request_twice_leaves_the_same_token_and_shows_no_second_secret(house: House) -> None:
    first, second, third = [await house.token() for _ in range(3)]
    assert (first.status_code, second.status_code) == (201, 200)
    assert second.json() == third.json() == {name: value for name, value in first.json().items() if name != "secret"}
    assert len((await house.local("GET", "/api/v1/tokens")).json()["tokens"]) == 1


async def test_a_token_that_was_taken_back_opens_nothing(house: House) -> None:
    secret = (await house.token()).json()["secret"]
    assert [(await house.local("DELETE", "/api/v1/tokens/prometheus")).status_code for _ in range(2)] == [204, 204]
    assert (await house.web(secret)).status_code == 401


async def test_a_token_whose_end_has_come_opens_nothing(house: House) -> None:
    at_once = (datetime.now(UTC) + timedelta(milliseconds=300)).isoformat()
    secret = (await house.token(expires=at_once)).json()["secret"]
    async with asyncio.timeout(30):
        while (await house.web(secret)).status_code != 401:
            continue
    assert (await house.local("GET", "/api/v1/tokens")).json() == {"tokens": []}


@pytest.mark.parametrize("expires", ["2020-01-01T00:00:00Z", "2999-01-01T00:00:00Z", "2026-12-01T00:00:00", "soon"])
async def test_a_token_ends_within_a_year(house: House, expires: str) -> None:
    assert (await house.token(expires=expires)).status_code == 422


@pytest.mark.parametrize("role", ["viewer", "agent", "operator"])
async def test_only_an_approver_makes_tokens_and_takes_them_back(house: House, role: Role) -> None:
    house.make(role)
    assert (await house.token()).status_code == 403
    assert (await house.local("DELETE", "/api/v1/tokens/prometheus")).status_code == 403


async def test_a_token_makes_no_tokens(house: House) -> None:
    secret = (await house.token(role="approver")).json()["secret"]
    answer = await house.web(secret, "/api/v1/tokens/prometheus", "DELETE")
    assert (answer.status_code, (await house.web(secret)).status_code) == (403, 200)


async def test_a_viewers_token_changes_nothing(house: House) -> None:
    secret = (await house.token()).json()["secret"]
    assert (await house.web(secret, "/api/v1/nodes/frankfurt/deployment", "DELETE")).status_code == 403


async def test_a_token_may_do_no_more_than_who_made_it_may_now(house: House) -> None:
    secret = (await house.token(role="operator")).json()["secret"]
    deployment = "/api/v1/nodes/frankfurt/deployment"
    assert (await house.web(secret, deployment, "DELETE")).status_code == 204
    house.make("viewer")
    assert (await house.web(secret, deployment, "DELETE")).status_code == 403
    house.dismiss()
    assert (await house.web(secret)).status_code == 401


async def test_a_token_outlives_a_restart_as_its_hash_alone(house: House, tmp_path: Path) -> None:
    secret = (await house.token()).json()["secret"]
    reborn = Keyring(house.watch)
    await reborn.start()
    assert reborn.find(secret, "token") is not None
    assert secret.encode() not in on_disk(tmp_path)


def on_disk(folder: Path) -> bytes:
    """The database and its log."""
    return b"".join(path.read_bytes() for path in folder.glob("watch.db*"))


async def test_nobody_holds_more_tokens_than_somebody_can_know(house: House) -> None:
    found = [(await house.token(f"t{number}")).status_code for number in range(MOST["token"] + 1)]
    assert found == [201] * MOST["token"] + [422]


async def test_who_leaves_loses_tokens_and_sessions_at_once_and_others_keep_theirs(house: House) -> None:
    house.make("approver")
    secret = (await house.token()).json()["secret"]
    for person in ("nobody", "anna"):
        await house.keyring.make("session", person=person, role="viewer", name="", lasts_ms=60_000)
    house.uid = 0
    answer = await house.local("DELETE", "/api/v1/people/nobody/keys")
    assert answer.json() == {"person": "nobody", "sessions": 1, "tokens": ["prometheus"]}
    assert (await house.web(secret)).status_code == 401
    assert [key.person for key in house.keyring.of("session")] == ["anna"]
    assert (await house.local("DELETE", "/api/v1/people/nobody/keys")).json()["tokens"] == []


async def test_nobody_but_root_ends_what_others_hold(house: House) -> None:
    house.make("approver")
    assert (await house.local("DELETE", "/api/v1/people/anna/keys")).status_code == 403
