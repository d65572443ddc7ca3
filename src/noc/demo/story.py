"""What the demo shows: a fleet comes up, one service dies, people are told, it comes back, and the incident closes."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from noc.demo.errors import StoryStalled
from noc.demo.stage import Stage
from noc.fleet.model import Policy

T = TypeVar("T")

LOOK_EVERY_S = 0.1
START_WITHIN_S = 90
SPARE_S = 20
"""What a busy machine may add to the time that an event takes by the rules."""


@dataclass(frozen=True)
class Step:
    """One line of the story.

    Attributes:
        at_s: seconds since the demo's start.
        kind: ok, warn, fail or info, as `noc.cli.output.mark` knows them.
        name: what happened, for programs: `incident-opened`.
        text: the same for people.
    """

    at_s: float
    kind: str
    name: str
    text: str


class Story:
    """Plays on a stage and says each step as it happens."""

    def __init__(self, stage: Stage, plan: Policy, started: float, say: Callable[[Step], None]) -> None:
        """Take the stage and who is told.

        Args:
            stage: an open stage.
            plan: the fleet's own policy, to say what was shortened.
            started: `time.monotonic()` at the demo's start.
            say: called with each step.
        """
        self._stage, self._plan, self._started, self._say = stage, plan, started, say
        self._events: list[dict[str, Any]] = []
        self._alerts_told = 0

    async def tell(self, victim: str) -> None:
        """Play the whole story; returns when it is over, the stage still standing.

        Args:
            victim: name of the node whose service is killed.

        Raises:
            ProcessDied: a process ended that should not have.
            StoryStalled: an event did not come.
        """
        await self._come_up()
        await self._die(victim)
        await self._come_back(victim)

    async def keep_telling(self, until: float | None) -> None:
        """Stay up and tell of every further incident, until a `time.monotonic()` or until cancelled."""
        while until is None or time.monotonic() < until:
            for event in await self._stage.door.new_events():
                if event["kind"].startswith("incident-"):
                    kind = "ok" if event["kind"] == "incident-closed" else "warn"
                    self._tell(kind, event["kind"], _incident_line(event))
            self._tell_alerts()
            await asyncio.sleep(LOOK_EVERY_S)

    async def _come_up(self) -> None:
        stage, count = self._stage, len(self._stage.services)
        self._tell("info", "start", f"{count} services and HQ's watch start as processes of this machine")
        self._tell("warn", "shortened", _shortened(stage.fleet.policy, self._plan))
        stage.watch.start()
        await self._until(stage.door.is_open, START_WITHIN_S, "the watch to answer")
        self._tell("ok", "watch-up", f"the watch is up, its page at {stage.door.page}")
        for service in stage.services.values():
            service.start()
        await self._until(self._all_heard, START_WITHIN_S, "a heartbeat of every service")
        stage.go_live()
        await self._until(stage.door.reload, SPARE_S, "the watch to read the fleet again")
        await self._until(self._all_up, START_WITHIN_S, "every node to be up")
        self._tell("ok", "all-up", f"{count} of {count} nodes are live and up, each pushing its own telemetry")

    async def _die(self, victim: str) -> None:
        service, policy = self._stage.services[victim], self._stage.fleet.policy
        pid = service.pid
        service.kill()
        self._tell("fail", "killed", f"{victim}: kill -9 of its service, process {pid}")
        silence = policy.push_interval * policy.sev2_missed
        await self._event("incident-opened", victim, "warn", silence + SPARE_S)
        await self._event("incident-escalated", victim, "fail", policy.sev1_after + SPARE_S)

    async def _come_back(self, victim: str) -> None:
        service = self._stage.services[victim]
        service.start()
        self._tell("info", "restarted", f"{victim}: its service is started again, process {service.pid}")
        await self._event("incident-closed", victim, "ok", START_WITHIN_S)
        await self._until(self._all_up, START_WITHIN_S, "every node to be up")
        count = len(self._stage.services)
        self._tell("ok", "over", f"{count} of {count} nodes are up again; the page stays at {self._stage.door.page}")

    async def _event(self, kind: str, node: str, mark: str, deadline_s: float) -> None:
        """Wait for an event of a node, and for the alert that it sends."""

        async def happened() -> Any:  # noqa: ANN401 - an event, or None
            self._events += await self._stage.door.new_events()
            return next((each for each in self._events if (each["kind"], each["node"]) == (kind, node)), None)

        async def alerted() -> bool:
            return len(self._stage.alerts()) > self._alerts_told

        event = await self._until(happened, deadline_s, f"{kind} of {node}")
        self._tell(mark, kind, _incident_line(event))
        await self._until(alerted, SPARE_S, f"the alert of {kind}")
        self._tell_alerts()

    def _tell_alerts(self) -> None:
        titles = self._stage.alerts()
        for title in titles[self._alerts_told :]:
            self._tell("info", "alert", f"ntfy {self._stage.fleet.ntfy.topic}: {title}")
        self._alerts_told = len(titles)

    async def _all_heard(self) -> bool:
        nodes = await self._stage.door.nodes()
        return bool(nodes) and all(node["last_heartbeat"] for node in nodes)

    async def _all_up(self) -> bool:
        nodes = await self._stage.door.nodes()
        return bool(nodes) and all(node["state"] == "up" for node in nodes)

    async def _until(self, look: Callable[[], Awaitable[T]], deadline_s: float, what: str) -> T:
        """Look again and again until there is something; no process may end by itself meanwhile."""
        deadline = time.monotonic() + deadline_s
        while not (found := await look()):
            for child in self._stage.children:
                child.check()
            if time.monotonic() > deadline:
                raise StoryStalled(
                    f"waited {deadline_s:g} s for {what}", fix="try again when this machine is less busy"
                )
            await asyncio.sleep(LOOK_EVERY_S)
        return found

    def _tell(self, kind: str, name: str, text: str) -> None:
        self._say(Step(round(time.monotonic() - self._started, 1), kind, name, text))


def _incident_line(event: dict[str, Any]) -> str:
    what = event["kind"].removeprefix("incident-")
    return (
        f"{event['detail']['severity']} {event['node']}, incident {event['incident']} {what}: {event['detail']['why']}"
    )


def _shortened(policy: Policy, plan: Policy) -> str:
    return (
        f"times are shortened: a heartbeat every {policy.push_interval:g} s (the plan's is {plan.push_interval:g} s), "
        f"SEV1 after {policy.sev1_after:g} s (the plan's is {plan.sev1_after:g} s)"
    )
