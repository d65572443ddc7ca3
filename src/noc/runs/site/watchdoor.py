"""The watch's local API, as runs use it: who was heard, and which node is being deployed to."""

import json
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from noc.runs.errors import WatchAbsent
from noc.runs.site.unixhttp import HttpFailed, request

_TIMEOUT_S = 5.0


class Heartbeat(BaseModel):
    """One push: when it came, and by its own clock was sent, the process that sent it, and its telemetry."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    at: datetime
    seq: int | None = None
    boot: str | None = None
    version: str | None = None
    telemetry: dict[str, Any] | None = None
    sent_at: datetime | None = None


class Watched(BaseModel):
    """A node as the watch sees it; `state` is one of pending, up, late, down."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    name: str
    state: str
    last_heartbeat: Heartbeat | None = None
    deployment: str | None = None
    maintenance: bool = False
    incident: int | None = None


class WatchDoor:
    """A client of the watch's Unix socket. Every call raises WatchAbsent where it does not answer, or not with yes."""

    def __init__(self, socket: Path) -> None:
        """Use a socket; connections are made call by call, so that a watch that restarts is found again."""
        self._socket = socket

    async def nodes(self) -> dict[str, Watched]:
        """Every node that the watch knows, by name."""
        rows = (await self._call("GET", "/api/v1/nodes"))["nodes"]
        return {row["name"]: Watched.model_validate(row) for row in rows}

    async def node(self, name: str) -> Watched | None:
        """One node; None where the watch does not know it."""
        return (await self.nodes()).get(name)

    async def heard(self, name: str) -> str | None:
        """The process of a node that was heard last, by its boot id; None for none, or where the watch is away."""
        try:
            watched = await self.node(name)
        except WatchAbsent:
            return None
        return watched.last_heartbeat.boot if watched and watched.last_heartbeat else None

    async def last(self, name: str) -> Heartbeat | None:
        """What was heard of a node last; None for nothing, or where the watch is away. The same cost in any fleet."""
        try:
            return next(iter(await self.heartbeats(name, 1)), None)
        except WatchAbsent:
            return None

    async def heartbeats(self, name: str, limit: int = 10) -> list[Heartbeat]:
        """A node's last heartbeats, newest first."""
        answer = await self._call("GET", f"/api/v1/nodes/{name}/heartbeats?limit={limit}")
        rows = answer["heartbeats"] if isinstance(answer, dict) else answer
        return [Heartbeat.model_validate(row) for row in rows]

    async def incidents(self, limit: int) -> list[dict[str, Any]]:
        """The newest incidents, the open ones first, each with its alerts, as the API shows them."""
        rows: list[dict[str, Any]] = (await self._call("GET", f"/api/v1/incidents?limit={limit}"))["incidents"]
        return rows

    async def note(self, incident: int, text: str) -> None:
        """Write something beside an incident."""
        await self._call("POST", f"/api/v1/incidents/{incident}/notes", {"text": text})

    async def open_deployment(self, name: str, run: str, until: datetime) -> None:
        """Say that a node is being deployed to: until then (UTC) its deaths belong to the run and page nobody."""
        document = {"run": run, "until": f"{until:%Y-%m-%dT%H:%M:%SZ}"}
        await self._call("PUT", f"/api/v1/nodes/{name}/deployment", document)

    async def close_deployment(self, name: str) -> None:
        """Say that the deployment is over; harmless where none is open."""
        await self._call("DELETE", f"/api/v1/nodes/{name}/deployment")

    async def show_run(self, run: str, document: dict[str, Any]) -> None:
        """Show what a run is like now on the watch's page, which keeps it in memory."""
        await self._call("PUT", f"/api/v1/runs/{run}", document)

    async def brief(self, about: str, name: str, title: str, lines: Sequence[str]) -> None:
        """Have people told of what was done, in one short message about a `run` or a `milestone` of that name."""
        document = {"about": about, "name": name, "title": title, "lines": list(lines)}
        await self._call("POST", "/api/v1/briefing", document)

    async def reload(self) -> None:
        """Let the watch read the fleet directory again: who is live, and which tokens count."""
        await self._call("POST", "/api/v1/reload")

    async def _call(self, method: str, path: str, document: object = None) -> Any:  # noqa: ANN401 - a JSON document
        fix = "systemctl status noc-watch on HQ"
        try:
            status, body = await request(self._socket, method, path, document, within_s=_TIMEOUT_S)
        except HttpFailed as error:
            raise WatchAbsent("the watch does not answer", why=str(error), fix=fix) from error
        if status >= 400:
            why = f"{status} to {method} {path}: {body[:200].decode(errors='replace')}"
            raise WatchAbsent("the watch refuses", why=why, fix=fix)
        return json.loads(body) if body else None
