"""The doors of the agent: a real runner on its socket, and sockets that misbehave."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from noc.agent.doors.actor import Actor
from noc.agent.doors.house import House as Doors
from noc.agent.doors.runner import RunnerDoor
from noc.agent.doors.watch import WatchDoor
from noc.errors import NocError, NotPermitted
from noc.runs.errors import RunnerAbsent
from noc.watch.errors import WatchUnreachable
from runner_house import House

Serve = Callable[[bytes], Awaitable["asyncio.Future[bytes]"]]


@pytest.fixture
def socket(tmp_path: Path) -> Path:
    return tmp_path / "door.sock"


@pytest.fixture
async def serve(socket: Path) -> AsyncIterator[Serve]:
    """A server that says what it was asked, gives one answer, and hangs up."""
    servers: list[asyncio.Server] = []

    async def begin(answer: bytes) -> "asyncio.Future[bytes]":
        asked: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

        async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            asked.set_result(await reader.read(65536))
            writer.write(answer)
            writer.close()

        servers.append(await asyncio.start_unix_server(handle, socket))
        return asked

    yield begin
    for server in servers:
        server.close()


async def a_plan(doors: Doors) -> dict[str, Any]:
    answer = await doors.runner().ask("plan", action="keygen", nodes=["frankfurt"])
    return dict(answer["plan"])


async def test_a_run_is_followed_from_its_beginning_to_its_last_record(house: House, doors: Doors) -> None:
    plan = await a_plan(doors)
    told = []
    async for answer in doors.runner().stream("start", plan=plan):
        told.append((answer.get("step"), answer.get("state")))
        house.let_go()
    assert told == [(None, None), ("run", "started"), ("switch", "started"), ("switch", "ok"), ("run", "ok")]


async def test_who_stops_listening_leaves_the_run_running(house: House, doors: Doors) -> None:
    async with aclosing(doors.runner().stream("start", plan=await a_plan(doors))) as answers:
        run = (await anext(answers))["run"]
    house.let_go()
    last = [answer async for answer in doors.runner().stream("follow", run=run)][-1]
    assert (last["step"], last["state"]) == ("run", "ok")


@pytest.mark.usefixtures("house")
async def test_a_refusal_comes_with_its_own_code_and_exit_code(doors: Doors) -> None:
    with pytest.raises(NocError) as raised:
        await doors.runner().ask("show", run="nothing")
    assert (raised.value.code, raised.value.exit_code) == ("E509", 4)


async def test_a_runner_that_is_not_there_is_named_with_what_mends_it(doors: Doors) -> None:
    with pytest.raises(RunnerAbsent, match="systemctl status noc-runner"):
        await doors.runner().ask("list")


async def test_a_request_says_whom_it_is_for(serve: Serve, socket: Path) -> None:
    asked = await serve(b'{"runs": []}\n')
    await RunnerDoor(socket, Actor("johan", "approver", "telegram", "4711").vouched).ask("list")
    assert json.loads(await asked) == {"op": "list", "for": {"channel": "telegram", "id": "4711"}}


async def test_the_model_speaks_for_nobody(serve: Serve, socket: Path) -> None:
    asked = await serve(b'{"runs": []}\n')
    await RunnerDoor(socket, Actor.model().vouched).ask("list")
    assert json.loads(await asked) == {"op": "list"}


@pytest.mark.parametrize(
    "said",
    [b"", b'{"half', b"x" * (4 * 1024 * 1024 + 1)],
    ids=["hangs up", "half a line", "a line without end"],
)
async def test_an_answer_that_is_none_is_an_absent_runner(serve: Serve, socket: Path, said: bytes) -> None:
    await serve(said)
    with pytest.raises(RunnerAbsent):
        await RunnerDoor(socket).ask("list")


async def test_a_run_whose_records_end_before_it_does_is_out_of_sight(serve: Serve, socket: Path) -> None:
    await serve(b'{"run": "r"}\n')
    with pytest.raises(RunnerAbsent):
        _ = [answer async for answer in RunnerDoor(socket).stream("follow", run="r")]


async def test_a_runner_that_says_nothing_is_not_waited_for_without_end(house: House, doors: Doors) -> None:
    plan = await a_plan(doors)
    with pytest.raises(RunnerAbsent, match="said nothing for"):
        _ = [answer async for answer in doors.runner().stream("start", silent_s=0.2, plan=plan)]
    assert house.runner.current is not None


async def test_the_person_behind_an_identity_is_whoever_the_runner_says(serve: Serve, socket: Path) -> None:
    await serve(b'{"person": "johan", "role": "approver", "channel": "telegram"}\n')
    found = await Doors(socket.parent, socket, socket).actor("telegram", "4711")
    assert found == Actor("johan", "approver", "telegram", "4711")


def http(body: bytes, status: str = "200 OK") -> bytes:
    return b"HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n%s" % (status.encode(), len(body), body)


async def test_the_watch_is_told_whom_a_request_is_for(serve: Serve, socket: Path) -> None:
    asked = await serve(http(b'{"incidents": []}'))
    johan = Actor("johan", "approver", "telegram", "4711")
    await Doors(socket.parent, socket, socket).watch(johan).get("/api/v1/incidents", open=1)
    said = await asked
    assert said.startswith(b"GET /api/v1/incidents?open=1 HTTP/1.1\r\n")
    assert b"\r\nNoc-For: johan\r\n" in said


async def test_a_name_cannot_bring_a_header_of_its_own(serve: Serve, socket: Path) -> None:
    asked = await serve(http(b"{}"))
    await WatchDoor(socket, "johan\r\nNoc-Role: approver").get("/api/v1/nodes")
    assert b"\r\nNoc-Role" not in await asked


async def test_the_model_asks_the_watch_as_itself(serve: Serve, socket: Path) -> None:
    asked = await serve(http(b"{}"))
    await Doors(socket.parent, socket, socket).watch(Actor.model()).get("/api/v1/nodes")
    assert b"Noc-For" not in await asked


async def test_a_refusal_of_the_watch_comes_in_its_words(serve: Serve, socket: Path) -> None:
    await serve(http(b'{"error": {"what": "olga is viewer", "why": "", "fix": "ask somebody"}}', "403 Forbidden"))
    with pytest.raises(NotPermitted, match="olga is viewer"):
        await WatchDoor(socket, "olga").post("/api/v1/incidents/1/ack")


async def test_a_watch_that_is_not_there_is_named_with_what_mends_it(socket: Path) -> None:
    with pytest.raises(WatchUnreachable, match="systemctl status noc-watch"):
        await WatchDoor(socket).get("/api/v1/nodes")


async def test_the_fleet_is_read_as_it_is_now(doors: Doors) -> None:
    assert [node.name for node in (await doors.fleet()).nodes] == ["virginia", "frankfurt", "singapore"]
