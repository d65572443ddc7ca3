"""A real runner, beside which a watch may stand; it hears each login at a socket of its own: no such users are here.

What the survey finds on the nodes is the test's; everything else is the runner's own: desk, audit, tables, runs.
"""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from noc.fleet.inventory import Life, NodeRecord
from noc.runs.admission.caller import Caller, check_known, identify
from noc.runs.paths import Paths
from noc.runs.plan.plan import Estimate, NodePlan, Plan
from noc.runs.runner.client import Client, read_answer
from noc.runs.runner.door import Door
from noc.runs.runner.service import listening_socket
from principal_kit import PEOPLE, SERVICE, person
from runner_house import House, with_tunnels
from runs_kit import MANIFESTS, NAMES, NEW, OLD, keep_release, write_fleet

POLICY = '[approval]\nlow = "another"\nmedium = "another"\nhigh = "another"\nsigned = "high"\n'
HOSTILE = "<img src=x onerror=alert(1)>\N{RIGHT-TO-LEFT OVERRIDE}"


class PageRunner(House):
    """A runner whose plans have a row for each node."""

    def __init__(self, paths: Paths) -> None:
        super().__init__(with_tunnels(paths), check_known, survey=self._survey)
        self.rows: tuple[NodePlan, ...] = rows()
        self._doors: dict[str, Door] = {}

    async def _survey(self, plan: Plan) -> Plan:
        estimate = Estimate(stage_s=20, activate_s=75, total_s=95, bound_s=600, source="what the fleet allows")
        return plan.model_copy(update={"rows": self.rows, "estimate": estimate})

    def socket_of(self, login: str) -> Path:
        """Where a login is heard as itself."""
        path = self.paths.runner_socket.with_name(f"as-{login}.sock")
        if login not in self._doors:
            main = self.door
            door = Door(main._operations, main._permit, main._admit, main._talks)
            self.call(door.open(listening_socket(path)))
            self._doors[login] = door
        return path

    def wanted(self, by: str = "olga", action: str = "reboot", **more: Any) -> dict[str, Any]:
        """A plan that waits for an approval now, as `pending` shows it."""
        client = Client(self.socket_of(by))
        plan = client.ask("plan", action=action, nodes=["all"], **more)["plan"]
        with client._request("start", {"plan": plan}, 10) as stream:
            assert "approval" in read_answer(stream.readline())
        found: dict[str, Any] = self.client.ask("pending", request=plan["digest"])["request"]
        return found

    def close(self) -> None:
        self.call(self._end_waiting())
        for door in self._doors.values():
            self.call(door.close())
        super().close()

    async def _end_waiting(self) -> None:
        """Close the connections of those who asked, which wait for an approval as long as there may be one."""
        waiting = [task for door in self._doors.values() for task in door._open]
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)


def rows() -> tuple[NodePlan, ...]:
    """A canary that changes, a node that is as it is wanted, and one of which there is much to say."""
    virginia, frankfurt, singapore = NAMES
    return (
        NodePlan(
            node=virginia, position=1, state="change", running=OLD, target=NEW, seconds=31, differences=("caddy.json",)
        ),
        NodePlan(node=frankfurt, position=2, wave=1, state="unchanged", running=NEW, target=NEW),
        NodePlan(
            node=singapore, position=3, wave=1, state="change", running=OLD, target=NEW, seconds=40, notes=(HOSTILE,)
        ),
    )


def login_of(connection: socket.socket) -> Caller:
    """Who knocks, by the name of the socket at which they do; at the runner's own it is the kernel's word."""
    name = Path(connection.getsockname()).name
    if not name.startswith("as-"):
        return identify(connection)
    login = name.removeprefix("as-").removesuffix(".sock")
    return SERVICE.get(login) or person(login)


def runner_paths(folder: Path, policy: str = POLICY) -> Paths:
    """A fleet of three live nodes and five people, where somebody else has to agree to everything."""
    for name in ("fleet", "runs", "releases", "credentials"):
        (folder / name).mkdir(parents=True)
    for each in MANIFESTS.values():
        keep_release(folder / "releases", each)
    live = NodeRecord(life=Life.LIVE, release=OLD)
    write_fleet(folder / "fleet", **dict.fromkeys(NAMES, live))
    with (folder / "fleet" / "fleet.toml").open("a") as file:
        file.write(policy + PEOPLE)
    return Paths(
        fleet=folder / "fleet",
        runs=folder / "runs",
        releases=folder / "releases",
        signers=folder / "signers",
        runner_socket=folder / "runner.sock",
        watch_socket=folder / "watch.sock",
        tunnels_socket=folder / "tunnels.sock",
        credentials=folder / "credentials",
    )


@contextmanager
def page_runner(folder: Path, monkeypatch: pytest.MonkeyPatch, policy: str = POLICY) -> Iterator[PageRunner]:
    """The runner, which hears the watch at `socket_of("noc-watch")`."""
    monkeypatch.setattr("noc.runs.runner.door.identify", login_of)
    made = PageRunner(runner_paths(folder, policy))
    try:
        yield made
    finally:
        made.close()
