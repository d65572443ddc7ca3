"""The local JSON API: what the runner, the commands and the page ask."""

import asyncio
import json
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from noc.errors import NocError, NotFound, NotPermitted
from noc.watch.clock import Moment, from_iso, iso, now
from noc.watch.errors import BadRequest, StoreTrouble
from noc.watch.service.watch import Watch
from noc.watch.store.queries import read_events, read_heartbeats, read_incidents
from noc.watch.store.records import Beat, Deployment

MOST_ROWS: Final = 1_000
LONGEST_DEPLOYMENT_MS: Final = 24 * 3_600_000
MAX_BODY: Final = 8_000


class Api:
    """The handlers; each one is a few lines around the watch."""

    def __init__(self, watch: Watch) -> None:
        """Take the watch that is asked."""
        self._watch = watch

    def routes(self) -> list[BaseRoute]:
        """The paths of the contract."""
        return [
            Route("/health", self.health),
            Route("/api/v1/nodes", self.nodes),
            Route("/api/v1/nodes/{name}/heartbeats", self.heartbeats),
            Route("/api/v1/nodes/{name}/deployment", self.deploy, methods=["PUT"]),
            Route("/api/v1/nodes/{name}/deployment", self.deployed, methods=["DELETE"]),
            Route("/api/v1/incidents", self.incidents),
            Route("/api/v1/events", self.events),
            Route("/api/v1/reload", self.reload, methods=["POST"]),
        ]

    async def health(self, _request: Request) -> Response:
        """Whether pushes can be stored."""
        if self._watch.broken:
            return JSONResponse({"status": "failing", "db": "failing"}, 503)
        return JSONResponse({"status": "ok", "db": "ok"})

    async def nodes(self, _request: Request) -> Response:
        """Every node with its state."""
        moment = now()
        names = list(self._watch.config.nodes)
        document = {"now": iso(moment.wall), "timezone": self._watch.config.fleet.timezone}
        return JSONResponse(document | {"nodes": [node_document(self._watch, name, moment) for name in names]})

    async def heartbeats(self, request: Request) -> Response:
        """A node's pushes, newest first."""
        name, limit = self._name(request), _number(request, "limit", 100, MOST_ROWS)
        rows = await asyncio.to_thread(read_heartbeats, self._watch.store.engine, name, limit)
        return JSONResponse({"node": name, "heartbeats": rows})

    async def incidents(self, request: Request) -> Response:
        """Incidents, open ones first; `open=1` leaves the others out."""
        document = await asyncio.to_thread(
            read_incidents,
            self._watch.store.engine,
            only_open=request.query_params.get("open", "0") not in {"", "0"},
            limit=_number(request, "limit", 100, MOST_ROWS),
            timezone=self._watch.config.fleet.timezone,
        )
        return JSONResponse({"now": iso(now().wall)} | document)

    async def events(self, request: Request) -> Response:
        """What happened, in order, behind the event `after`."""
        after, limit = _number(request, "after", 0, 2**62), _number(request, "limit", 100, MOST_ROWS)
        rows = await asyncio.to_thread(read_events, self._watch.store.engine, after=after, limit=limit)
        return JSONResponse({"now": iso(now().wall), "events": rows})

    async def deploy(self, request: Request) -> Response:
        """A deployment of a node begins or is prolonged."""
        deployment = read_deployment(self._name(request), await read_body(request, MAX_BODY), now().wall)
        await self._watch.deploy(deployment)
        return JSONResponse({"node": deployment.node, "run": deployment.run, "until": iso(deployment.until)})

    async def deployed(self, request: Request) -> Response:
        """The deployment of a node is over; asking twice is harmless."""
        await self._watch.deployed(self._name(request))
        return Response(status_code=204)

    async def reload(self, _request: Request) -> Response:
        """Read the fleet directory again."""
        await self._watch.reload()
        return JSONResponse({"ok": True, "nodes": len(self._watch.config.nodes)})

    def _name(self, request: Request) -> str:
        name: str = request.path_params["name"]
        self._watch.config.fleet.node(name)
        return name


def node_document(watch: Watch, name: str, moment: Moment) -> dict[str, Any]:
    """One node as the API shows it."""
    standing, watched = watch.judge.nodes[name], watch.config.nodes[name]
    since = standing.since(moment)
    return {
        "name": name,
        "life": watched.life.value,
        "state": standing.state(moment),
        "since": None if since is None else iso(since),
        "last_heartbeat": None if standing.last is None else heartbeat_document(standing.last),
        "deployment": standing.deployment.run if standing.deployment else None,
        "incident": standing.incident.id if standing.incident else None,
    }


def heartbeat_document(beat: Beat) -> dict[str, Any]:
    """A node's last sign of life as the API shows it."""
    named = {"seq": beat.seq, "boot": beat.boot, "version": beat.version, "telemetry": beat.telemetry}
    return {"at": iso(beat.at)} | named


def read_deployment(node: str, body: bytes, wall: int) -> Deployment:
    """Read `{"run": id, "until": ISO}`. Raises BadRequest."""
    try:
        document = json.loads(body)
        run, until = document["run"], from_iso(document["until"])
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise BadRequest(
            "a deployment is a run and a time", fix='send {"run": ID, "until": ISO time with Z}'
        ) from error
    if not isinstance(run, str) or not 0 < len(run) <= 128:
        raise BadRequest("a run's id is text of 1 to 128 characters")
    if not wall < until <= wall + LONGEST_DEPLOYMENT_MS:
        raise BadRequest("a deployment ends within the next 24 h", why=f"until is {iso(until)}")
    return Deployment(node, run, until)


async def on_error(_request: Request, error: Exception) -> Response:
    """Any NocError as JSON: code, what, why, fix, and the problems of a file where it has some."""
    assert isinstance(error, NocError)
    known = ((NotFound, 404), (NotPermitted, 403), (StoreTrouble, 503))
    status = next((status for kind, status in known if isinstance(error, kind)), 422)
    return JSONResponse({"error": error.as_dict()}, status)


def _number(request: Request, name: str, default: int, most: int) -> int:
    text = request.query_params.get(name, str(default))
    if not (text.isascii() and text.isdigit() and len(text) < 20):
        raise BadRequest(f"{name} is a whole number", why=f"it was {text[:40]!r}")
    return min(int(text), most)


async def read_body(request: Request, most: int) -> bytes:
    """A request's body of at most so many bytes. Raises BadRequest for a longer one, unread."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > most:
            raise BadRequest(f"the body is larger than {most} bytes")
    return bytes(body)
