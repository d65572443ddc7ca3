"""One node's page: facts, telemetry over time, its incidents, and the story that its events tell."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from zoneinfo import ZoneInfo

from noc.watch.clock import now
from noc.watch.pages.board import UNITS, word
from noc.watch.pages.charts import RANGES, Axis, Chart, RangeName, chart
from noc.watch.pages.dashboard import Dashboard, title
from noc.watch.pages.look import Look
from noc.watch.pages.lookup import Wanted, events_of_node, find_incidents
from noc.watch.pages.views import Rendered
from noc.watch.service.watch import Watch
from noc.watch.store.history import Point, Series, series
from noc.watch.store.records import Beat
from noc.watch.store.sightings import sightings

INCIDENTS_SHOWN: Final = 10
EVENTS_SHOWN: Final = 60
ERRORS: Final = "errors"
FIELDS: Final = {
    "ram_mb": ("Memory", "MiB"),
    "cpu_pct": ("CPU", "%"),
    "disk_pct": ("Disk", "%"),
    ERRORS: ("Errors of requests", "%"),
    "req_1h": ("Requests an hour", ""),
    "active_sessions": ("Sessions", ""),
    "db_size_mb": ("Database", "MiB"),
    "cert_days_remaining": ("Certificate, days left", ""),
}
"""Field → heading and unit; `errors` is made of `err_1h` and `req_1h`."""


@dataclass
class NodeView:
    """One node over one span of time."""

    watch: Watch
    look: Look
    dashboard: Dashboard
    name: str
    range_name: RangeName
    document: str = "node.html"
    table: str = ""

    async def render(self) -> Rendered:
        """All parts as they are now. Raises NotFound for a node that is not in the fleet (any more)."""
        node = self.watch.config.fleet.node(self.name)
        await self.dashboard.refresh()
        moment, engine = now(), self.watch.store.engine
        nodes, seen = self.dashboard.statuses(moment)
        row = self.dashboard.row(next(each for each in nodes if each.name == self.name), moment)
        looks = await asyncio.to_thread(sightings, engine, self.name, 1)
        own = Wanted(node=self.name)
        incidents = await asyncio.to_thread(find_incidents, engine, own, INCIDENTS_SHOWN)
        events = await asyncio.to_thread(events_of_node, engine, self.name, EVENTS_SHOWN)
        beat = self.watch.judge.nodes[self.name].last
        values: dict[str, Any] = {"row": row, "node": node, "watched": self.watch.config.nodes[self.name]}
        parts = {
            "summary": self.dashboard.strip(moment, seen),
            "facts": self.look.render(
                "node_facts.html",
                moment,
                **values,
                beat=beat,
                told=_told(beat),
                sighting=next(iter(looks), None),
            ),
            "charts": self.look.render("charts.html", moment, charts=await self._charts(moment.wall)),
            "past": self.look.render("node_incidents.html", moment, incidents=incidents, name=self.name),
            "story": self.look.render("story.html", moment, events=events),
        }
        return Rendered(moment, title(seen, f"{self.name} · {self.watch.config.fleet.name}"), parts)

    async def _charts(self, wall: int) -> list[Chart]:
        since = wall - RANGES[self.range_name]
        names = [field for field in FIELDS if field != ERRORS] + ["err_1h"]
        found = await asyncio.to_thread(series, self.watch.store.engine, self.name, names, since, wall)
        axis = Axis(self.range_name, since, wall, ZoneInfo(self.watch.config.fleet.timezone))
        points: Mapping[str, Sequence[Point]] = found.points | {ERRORS: error_share(found)}
        drawn = (
            chart(field, label, unit, points[field], axis, grain=found.grain) for field, (label, unit) in FIELDS.items()
        )
        return [each for each in drawn if each is not None]


def error_share(found: Series) -> list[Point]:
    """Errors as a share of requests, per cent, where both are known."""
    asked = {point.at: point for point in found.points["req_1h"]}
    shares = []
    for point in found.points["err_1h"]:
        requests = asked.get(point.at)
        if requests is not None:
            share = 100 * point.mean / requests.mean if requests.mean else 0.0
            shares.append(Point(point.at, share, share, share, point.count))
    return shares


def _told(beat: Beat | None) -> list[tuple[str, str]]:
    """What the node's last push said, field by field, each with its unit."""
    telemetry = (beat.telemetry if beat else None) or {}
    return [(field, word(value, UNITS.get(field, ""))) for field, value in sorted(telemetry.items())]
