"""What the tests of the agent share: a real runner and a real watch, the doors to them, and a real MCP client."""

import json
from collections.abc import Iterator
from contextlib import aclosing, contextmanager
from pathlib import Path
from typing import Any

from mcp.client.client import Client
from mcp.shared.dispatcher import ProgressFnT
from mcp_types import CallToolResult

from noc.agent.doors.actor import AGENT
from noc.agent.doors.house import House
from noc.agent.doors.runner import RunnerDoor
from noc.agent.mcp.server import build
from page_runner_kit import PageRunner
from watch_kit import Server
from watch_kit import write_fleet as write_watched

PLAN = {"action": "reboot", "nodes": ["all"]}
"""A plan of medium risk: somebody else has to agree to it."""


@contextmanager
def watch_beside(folder: Path) -> Iterator[Server]:
    """A real watch of the same three nodes."""
    (folder / "watch").mkdir()
    with Server(folder / "watch", write_watched(folder / "watch" / "fleet")) as server:
        yield server


def doors_of(runner: PageRunner, watch: Path) -> House:
    """The doors as the login noc-agent has them: the runner hears it as that, the watch as whoever runs the tests."""
    return House(runner.paths.fleet, runner.socket_of(AGENT), watch)


async def result(
    house: House, tool: str, arguments: dict[str, Any], heard: ProgressFnT | None = None
) -> CallToolResult:
    """What a tool answers a real client that is connected in memory."""
    async with Client(build(house)) as client:
        return await client.call_tool(tool, arguments, progress_callback=heard)


async def call(house: House, tool: str, **arguments: Any) -> dict[str, Any]:
    """What a tool answers, as data, which the client has held against the tool's schema. Fails on an error."""
    found = await result(house, tool, arguments)
    assert not found.is_error, found.content
    answer: dict[str, Any] = found.structured_content
    return answer


async def refusal(house: House, tool: str, **arguments: Any) -> dict[str, Any]:
    """What a tool answers that refuses. Fails on any other answer."""
    found = await result(house, tool, arguments)
    assert found.is_error, found.structured_content
    return told(found)


def told(refused: CallToolResult) -> dict[str, Any]:
    """A refusal's document, which is in its text: data would have to meet the schema of an answer."""
    assert refused.structured_content is None
    answer: dict[str, Any] = json.loads(refused.content[0].model_dump()["text"])
    return answer


async def approved(runner: PageRunner, digest: str, by: str = "anna") -> str:
    """Let a person with a login agree to a plan; the run that this begins."""
    async with aclosing(RunnerDoor(runner.socket_of(by)).stream("approve", request=digest)) as answers:
        async for answer in answers:
            if "run" in answer and "step" not in answer:
                return str(answer["run"])
    raise AssertionError("no run has begun")
