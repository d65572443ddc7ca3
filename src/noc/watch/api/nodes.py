"""What the API tells of nodes, and the deployments that the runner announces."""

import asyncio
from dataclasses import asdict
from typing import Annotated, Any, Final
from zoneinfo import ZoneInfo

from pydantic import AwareDatetime, Field

from noc.watch.api import answers
from noc.watch.api.availability import Day, overall
from noc.watch.api.operation import Answer, Asked, Nothing, Operation, Part
from noc.watch.api.uptime import read_days
from noc.watch.clock import Moment, iso, now
from noc.watch.errors import BadRequest
from noc.watch.judge.scene import scopes_of
from noc.watch.service.watch import Watch
from noc.watch.store.queries import read_heartbeats
from noc.watch.store.records import Beat, Deployment, Sighting
from noc.watch.store.sightings import sightings

LONGEST_DEPLOYMENT_MS: Final = 24 * 3_600_000
MOST_ROWS: Final = 1_000

Limit = Annotated[int, Field(ge=1, le=MOST_ROWS)]


class Rows(Part):
    """How many rows, the newest."""

    limit: Limit = 100


class Days(Part):
    """How many days, today included."""

    days: Annotated[int, Field(ge=1, le=400)] = 90


class NewDeployment(Part):
    """Until when a run may take this node down without paging anybody; at most 24 h from now."""

    run: Annotated[str, Field(min_length=1, max_length=128)]
    until: AwareDatetime


class NodeApi:
    """The handlers; each one is a few lines around the watch."""

    def __init__(self, watch: Watch) -> None:
        """Take the watch that is asked."""
        self._watch = watch

    def operations(self) -> list[Operation[Any, Any]]:
        """Their table."""
        node = "/api/v1/nodes/{name}"
        return [
            Operation(
                method="GET",
                path="/api/v1/nodes",
                summary="Every node with its state.",
                role="viewer",
                handle=self.nodes,
                answers=answers.Nodes,
            ),
            Operation(
                method="GET",
                path=node,
                summary="One node with its state.",
                role="viewer",
                handle=self.node,
                answers=answers.Node,
            ),
            Operation(
                method="GET",
                path=f"{node}/heartbeats",
                summary="A node's pushes, newest first.",
                role="viewer",
                query=Rows,
                handle=self.heartbeats,
                answers=answers.Heartbeats,
            ),
            Operation(
                method="GET",
                path=f"{node}/sightings",
                summary="What HQ saw at a node's public address, newest first.",
                role="viewer",
                query=Rows,
                handle=self.sightings,
                answers=answers.Sightings,
            ),
            Operation(
                method="GET",
                path=f"{node}/availability",
                summary="How much of each day a node was up, maintenance left out.",
                role="viewer",
                query=Days,
                handle=self.availability,
                answers=answers.Availability,
            ),
            Operation(
                method="PUT",
                path=f"{node}/deployment",
                summary="A deployment of a node begins, or is prolonged.",
                role="operator",
                body=NewDeployment,
                handle=self.deploy,
                answers=answers.DeploymentStands,
            ),
            Operation(
                method="DELETE",
                path=f"{node}/deployment",
                summary="The deployment of a node is over; asking twice is harmless.",
                role="operator",
                handle=self.deployed,
            ),
        ]

    async def nodes(self, _asked: Asked[Nothing, Nothing]) -> Answer:
        """Every node with its state."""
        moment = now()
        names = list(self._watch.config.nodes)
        document = {"now": iso(moment.wall), "timezone": self._watch.config.fleet.timezone}
        return document | {"nodes": [node_document(self._watch, name, moment) for name in names]}

    async def node(self, asked: Asked[Nothing, Nothing]) -> Answer:
        """One node with its state."""
        return node_document(self._watch, self._known(asked), now())

    async def heartbeats(self, asked: Asked[Rows, Nothing]) -> Answer:
        """A node's pushes, newest first."""
        name = self._known(asked)
        rows = await asyncio.to_thread(read_heartbeats, self._watch.store.engine, name, asked.query.limit)
        return {"node": name, "heartbeats": rows}

    async def sightings(self, asked: Asked[Rows, Nothing]) -> Answer:
        """What HQ saw at a node's public address, newest first."""
        name = self._known(asked)
        seen = await asyncio.to_thread(sightings, self._watch.store.engine, name, asked.query.limit)
        return {"node": name, "sightings": [sighting_document(each) for each in seen]}

    async def availability(self, asked: Asked[Days, Nothing]) -> Answer:
        """A node's days."""
        name, zone = self._known(asked), self._watch.config.fleet.timezone
        found = await asyncio.to_thread(
            read_days,
            self._watch.store.engine,
            [name],
            scopes_of(self._watch.config.fleet),
            now=now().wall,
            zone=ZoneInfo(zone),
            days=asked.query.days,
        )
        days = found.get(name, [])
        return {"node": name, "timezone": zone, "availability": overall(days), "days": [_day(each) for each in days]}

    async def deploy(self, asked: Asked[Nothing, NewDeployment]) -> Answer:
        """A deployment of a node begins or is prolonged."""
        until = round(asked.body.until.timestamp() * 1000)
        if not (wall := now().wall) < until <= wall + LONGEST_DEPLOYMENT_MS:
            raise BadRequest("a deployment ends within the next 24 h", why=f"until is {asked.body.until.isoformat()}")
        deployment = Deployment(self._known(asked), asked.body.run, until)
        await self._watch.deploy(deployment)
        return {"node": deployment.node, "run": deployment.run, "until": iso(until)}

    async def deployed(self, asked: Asked[Nothing, Nothing]) -> Answer:
        """The deployment of a node is over."""
        await self._watch.deployed(self._known(asked))
        return None

    def _known(self, asked: Asked[Any, Any]) -> str:
        """The node that the path names. Raises NotFound."""
        return self._watch.config.fleet.node(asked.name()).name


def node_document(watch: Watch, name: str, moment: Moment) -> dict[str, Any]:
    """One node as the API shows it."""
    standing, watched = watch.judge.nodes[name], watch.config.nodes[name]
    since, seen = standing.since(moment), None if standing.face.stale(moment) else standing.face.seen
    return {
        "name": name,
        "city": watched.node.city,
        "country": watched.node.country,
        "region": watched.node.region,
        "provider": watched.node.provider,
        "life": watched.life.value,
        "state": standing.state(moment),
        "since": None if since is None else iso(since),
        "last_heartbeat": None if standing.last is None else heartbeat_document(standing.last),
        "deployment": standing.deployment.run if standing.deployment else None,
        "maintenance": bool(standing.windows),
        "sighting": None if seen is None else sighting_document(seen),
        "incident": standing.incident.id if standing.incident else None,
    }


def heartbeat_document(beat: Beat) -> dict[str, Any]:
    """A node's last sign of life as the API shows it."""
    named = {"seq": beat.seq, "boot": beat.boot, "version": beat.version, "telemetry": beat.telemetry}
    return {"at": iso(beat.at)} | named


def sighting_document(sighting: Sighting) -> dict[str, Any]:
    """One look at a public address as the API shows it."""
    times = {name: getattr(sighting, name) for name in ("at", "certificate_from", "certificate_until")}
    shown = {name: None if at is None else iso(at) for name, at in times.items()}
    return {name: value for name, value in asdict(sighting).items() if name != "node"} | shown


def _day(day: Day) -> dict[str, Any]:
    return {
        "day": day.date.isoformat(),
        "judged_s": day.judged_ms / 1000,
        "down_s": day.down_ms / 1000,
        "maintenance_s": day.maintenance_ms / 1000,
        "availability": day.availability,
    }
