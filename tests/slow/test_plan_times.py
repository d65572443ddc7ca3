"""The plan's own times, unshortened: a push every 30 s, SEV2 at two missed pushes, SEV1 after five minutes.

Real processes and a real clock, so it takes seven minutes; `make test` runs it beside the others.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from noc.demo.stage import open_stage
from noc.fleet.load import load
from noc.lab.fleet import SOURCE

PLAN = load(SOURCE).policy
NODE = "frankfurt"


async def until(condition: Callable[[], Awaitable[Any]], deadline_s: float) -> Any:
    """What the condition finds, asked every 200 ms until the deadline."""
    end = time.monotonic() + deadline_s
    while time.monotonic() < end:
        if found := await condition():
            return found
        await asyncio.sleep(0.2)
    raise AssertionError(f"{condition} found nothing within {deadline_s} s")


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


@pytest.mark.timeout(600)
async def test_a_dead_node_is_sev2_after_two_missed_pushes_and_sev1_five_minutes_later() -> None:
    fleet = load(SOURCE)
    one = fleet.model_copy(update={"nodes": (fleet.node(NODE),)})
    async with open_stage(one, 0, PLAN) as stage:
        stage.watch.start()
        await until(stage.door.is_open, 20)
        stage.services[NODE].start()

        async def pushing() -> str | None:
            seen = [node["last_heartbeat"] for node in await stage.door.nodes() if node["name"] == NODE]
            return seen[0]["at"] if seen and seen[0] else None

        await until(pushing, 20)
        stage.go_live()
        assert await stage.door.reload()
        stage.services[NODE].kill()
        last = moment(await until(pushing, 5))
        seen: dict[str, datetime] = {}

        async def escalated() -> bool:
            for event in await stage.door.new_events():
                if event["node"] == NODE:
                    seen.setdefault(event["kind"], moment(event["at"]))
            return "incident-escalated" in seen

        await until(escalated, PLAN.sev1_after + 90)
        assert 60 <= (seen["incident-opened"] - last).total_seconds() <= 62
        assert 300 <= (seen["incident-escalated"] - seen["incident-opened"]).total_seconds() <= 301

        async def both_alerts() -> bool:
            return [title[:4] for title in stage.alerts()] == ["SEV2", "SEV1"]

        await until(both_alerts, 10)
