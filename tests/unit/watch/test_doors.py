"""The two doors: who is let in as whom, and who is not."""

import os
from ipaddress import IPv4Address
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from noc.fleet.inventory import Inventory, NodeRecord
from noc.fleet.load import load
from noc.fleet.model import Fleet, Person, Role
from noc.watch.access.doors import UID, PeerDoor, is_nodes_address
from noc.watch.access.forms import is_same_origin
from noc.watch.access.limit import Limit
from noc.watch.access.people import caller_at
from noc.watch.config import Config

DIRECTORY = Path(__file__).parents[3] / "fleet"
FLEET = load(DIRECTORY)
CONFIG = Config.of(FLEET, Inventory(nodes={"frankfurt": NodeRecord(address=IPv4Address("203.0.113.9"))}), DIRECTORY)
NOBODY = 65534


def people(**roles: Role) -> Fleet:
    """The example fleet with these people."""
    return FLEET.model_copy(update={"people": tuple(Person(name=name, role=role) for name, role in roles.items())})


async def whoami(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers with the caller that the door found."""
    caller = Request(scope, receive).scope["state"]["caller"]
    answer: Response = JSONResponse({"name": caller.name, "role": caller.role, "via": caller.via})
    await answer(scope, receive, send)


def connected(app: ASGIApp, uid: int | None) -> ASGIApp:
    """What a listener does: it notes the uid of the peer."""

    async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
        scope["state"] = {UID: uid}
        await app(scope, receive, send)

    return wrapped


async def ask(
    fleet: Fleet, uid: int | None, method: str = "GET", host: str = "localhost", **headers: str
) -> httpx.Response:
    transport = httpx.ASGITransport(connected(PeerDoor(whoami, lambda: fleet), uid))
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        return await client.request(method, "/", headers={"host": host} | named)


@pytest.mark.parametrize(
    ("fleet", "uid", "name", "role"),
    [
        (people(), NOBODY, "nobody", "viewer"),
        (people(nobody="approver"), NOBODY, "nobody", "approver"),
        (people(nobody="agent"), NOBODY, "nobody", "agent"),
        (people(), 0, "root", "operator"),
        (people(root="viewer"), 0, "root", "operator"),
        (people(root="approver"), 0, "root", "approver"),
        (people(), 4_000_000, "uid 4000000", "viewer"),
    ],
)
async def test_on_the_socket_the_kernel_says_who_asks(fleet: Fleet, uid: int, name: str, role: Role) -> None:
    assert (await ask(fleet, uid)).json() == {"name": name, "role": role, "via": "socket"}


def test_who_runs_the_watch_is_an_operator_of_it() -> None:
    assert caller_at(people(), os.geteuid()).role == "operator"


async def test_a_connection_of_which_the_kernel_says_nothing_is_refused(tmp_path: Path) -> None:
    assert (await ask(people(), None)).status_code == 403


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8080", "127.0.0.1.evil.example", "[2001:db8::1]", ""])
async def test_a_name_that_a_strangers_page_can_have_is_refused(host: str) -> None:
    assert (await ask(people(), 0, host=host)).status_code == 403


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:8080", "[::1]:8080", "watch"])
async def test_names_of_this_machine_are_answered(host: str) -> None:
    assert (await ask(people(), 0, host=host)).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "https://localhost"},
        {"origin": "null"},
        {"sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "same-site"},
        {"sec_fetch_site": "none"},
    ],
)
async def test_a_change_that_another_site_asks_a_browser_for_is_refused(headers: dict[str, str]) -> None:
    assert (await ask(people(), 0, "POST", **headers)).status_code == 403


@pytest.mark.parametrize("headers", [{}, {"origin": "http://localhost"}, {"sec_fetch_site": "same-origin"}])
async def test_a_change_from_our_own_page_or_from_a_command_passes(headers: dict[str, str]) -> None:
    assert (await ask(people(), 0, "POST", **headers)).status_code == 200


@given(st.text(max_size=60))
def test_no_origin_but_our_own_counts_as_ours(origin: str) -> None:
    headers = {"origin": origin, "host": "noc.clavitor.com"}
    assert is_same_origin(headers, scheme="https") == (origin == "https://noc.clavitor.com")


@pytest.mark.parametrize(
    "address", ["203.0.113.9", "::ffff:203.0.113.9", "10.84.0.11", "10.84.0.254", "10.84.0.1", "", "unknown"]
)
def test_a_node_has_no_business_at_the_pages(address: str) -> None:
    assert is_nodes_address(CONFIG, address)


@pytest.mark.parametrize("address", ["198.51.100.7", "2001:db8::1", "10.84.0.2", "10.84.0.9"])
def test_people_come_from_anywhere_else_and_from_their_own_tunnels(address: str) -> None:
    assert not is_nodes_address(CONFIG, address)


def test_failures_are_counted_by_address_until_the_window_is_over() -> None:
    limit = Limit(failures=3, window_s=60)
    for _ in range(3):
        assert limit.allows("198.51.100.7", 0)
        limit.failed("198.51.100.7")
    assert not limit.allows("198.51.100.7", 59)
    assert limit.allows("198.51.100.8", 59)
    assert limit.allows("198.51.100.7", 60)
