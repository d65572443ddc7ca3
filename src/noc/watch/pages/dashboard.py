"""The dashboard: every node, the map, open incidents, what happened last, and the run in hand."""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from noc.fleet.freezing import Frozen, frozen
from noc.watch.clock import Moment, now, span
from noc.watch.pages.bars import Bars
from noc.watch.pages.board import COLUMNS, Row, row
from noc.watch.pages.jobs import jobs
from noc.watch.pages.look import Look
from noc.watch.pages.lookup import (
    Alert,
    Wanted,
    alerts_of,
    find_incidents,
    last_events,
    minutes_since,
    open_incidents,
)
from noc.watch.pages.runs import RunBoard
from noc.watch.pages.statuses import Status, Summary, Told, statuses, summary
from noc.watch.pages.trails import Trails
from noc.watch.pages.views import Rendered
from noc.watch.pages.waiting import Known, Waiting
from noc.watch.pages.worldmap import node_spots, world_map
from noc.watch.service.watch import Watch
from noc.watch.store.queries import pushes_since
from noc.watch.store.records import Beat, Event, Incident, Record

log = logging.getLogger(__name__)

OPEN_READ: Final = 2_000
OPEN_SHOWN: Final = 100
CLOSED_SHOWN: Final = 6
EVENTS_SHOWN: Final = 40
LINES_SHOWN: Final = 40
"""Of each plan that waits; all of them are on its own page."""


class Dashboard:
    """Renders the watch's state; keeps beat bars and sparklines, and what was read from the database until it changes.

    Attributes:
        document: the template of the whole page.
        table: the part with the rows.
    """

    document, table = "dashboard.html", "nodes"

    def __init__(self, watch: Watch, look: Look, runs: RunBoard, waiting: Waiting) -> None:
        """Take the watch to show, the runs that it was told of, and who knows what waits for an approval."""
        self._watch, self._look, self._runs, self._waiting = watch, look, runs, waiting
        self._known = Known()
        self._bars, self._trails = Bars(watch.config.rules.interval), Trails(watch.config.rules.interval)
        self._open: Sequence[Incident] = ()
        self._alerts: dict[int, list[Alert]] = {}
        self._closed: Sequence[Incident] = ()
        self._events: Sequence[Event] = ()
        self._stale = True

    async def start(self) -> None:
        """Fill bars and lines from the database, and follow what is stored from now on."""
        await self._refill()
        self._watch.listeners.append(self._follow)

    def _follow(self, records: Sequence[Record]) -> None:
        for record in records:
            if isinstance(record, Beat):
                self._bars.note(record)
                self._trails.note(record)
            else:
                self._stale = True

    async def _refill(self) -> None:
        interval, engine, wall = self._watch.config.rules.interval, self._watch.store.engine, now().wall
        self._bars, self._trails = await asyncio.to_thread(_filled, engine, interval, wall)

    async def refresh(self) -> None:
        """Read what has changed, in the database and at the runner; another push interval begins the bars anew."""
        if self._bars.interval_s != self._watch.config.rules.interval:
            await self._refill()
        await self._read()
        self._known = await self._waiting.known()

    def told(self) -> Told:
        """What is open, as of the last `refresh`."""
        return Told(self._open, sum(not alert.outcome for alerts in self._alerts.values() for alert in alerts))

    def statuses(self, moment: Moment) -> tuple[list[Status], Summary]:
        """Every node's status, the worst first, and the summary, as of the last `refresh`."""
        told = self.told()
        nodes = statuses(self._watch, told, moment)
        return nodes, summary(nodes, told)

    def row(self, status: Status, moment: Moment) -> Row:
        """A node's row."""
        return row(self._watch, self._bars, self._trails, status, moment)

    def strip(self, moment: Moment, seen: Summary) -> str:
        """The line on top of every page."""
        return self._look.render("summary.html", moment, summary=seen, known=self._known, frozen=self._frozen(moment))

    async def render(self) -> Rendered:
        """All parts as they are now."""
        await self.refresh()
        moment = now()
        nodes, seen = self.statuses(moment)
        lines = self.lines(nodes, moment)
        spots = node_spots(self._watch.config.fleet, nodes)
        parts = {
            **self.around(moment, seen),
            "nodes": self.table_of(lines, moment),
            "signs": self._look.render("signs.html", moment, map=world_map(self._watch.config.fleet, spots)),
            "incidents": self.incidents(moment, OPEN_SHOWN),
            "events": self.events(moment, EVENTS_SHOWN),
        }
        return Rendered(moment, self.title(seen), parts, lines)

    def title(self, seen: Summary) -> str:
        """What a tab shows."""
        waiting, name = len(self._known.requests), self._watch.config.fleet.name
        return title(seen, f"{waiting} to approve · {name} fleet" if waiting else f"{name} fleet")

    def around(self, moment: Moment, seen: Summary) -> dict[str, str]:
        """The parts that are not about nodes: the summary, what waits for approval, runs, the schedule."""
        return {
            "summary": self.strip(moment, seen),
            "approvals": self._approvals(moment),
            "runs": self._run_panel(moment),
            "jobs": self._look.render("jobs.html", moment, jobs=jobs(self._watch, moment)),
        }

    def lines(self, nodes: Sequence[Status], moment: Moment) -> dict[str, str]:
        """The rows of nodes, by their ids."""
        rows = (self.row(node, moment) for node in nodes)
        return {f"node-{each.name}": self._look.render("row.html", moment, row=each, columns=COLUMNS) for each in rows}

    def table_of(self, lines: Mapping[str, str], moment: Moment) -> str:
        """The table of these rows."""
        shown, slot = span(self._bars.span_ms), span(self._bars.slot_ms)
        values: dict[str, Any] = {"lines": lines.values(), "shown": shown, "slot": slot, "columns": COLUMNS}
        return self._look.render("nodes.html", moment, **values)

    def events(self, moment: Moment, most: int) -> str:
        """What happened last."""
        return self._look.render("events.html", moment, events=self._events[:most])

    def _run_panel(self, moment: Moment) -> str:
        under_way, ended = self._runs.under_way(moment.wall), self._runs.ended(moment.wall)
        return self._look.render("runs.html", moment, under_way=under_way, ended=ended)

    def _approvals(self, moment: Moment) -> str:
        shown = frozenset(run for run, *_ in self._runs.under_way(moment.wall))
        known = self._known
        values = {"stranded": known.stranded(shown), "frozen": self._frozen(moment), "most": LINES_SHOWN}
        return self._look.render("approvals.html", moment, known=known, **values)

    def _frozen(self, moment: Moment) -> Frozen | None:
        """The freeze that holds, where runs begin beside this watch at all."""
        if not self._waiting.has_runner:
            return None
        return frozen(self._watch.config.fleet.freeze, datetime.fromtimestamp(moment.wall / 1000, UTC))

    def incidents(self, moment: Moment, most: int) -> str:
        """Open incidents, so many of them at most, and those that were closed last."""
        steady = {
            name: moment.wall_at(standing.comeback.since)
            for name, standing in self._watch.judge.nodes.items()
            if standing.comeback is not None
        }
        return self._look.render(
            "incidents.html",
            moment,
            open=self._open[:most],
            count=len(self._open),
            alerts=self._alerts,
            closed=self._closed,
            steady=steady,
            rules=self._watch.config.rules,
        )

    async def _read(self) -> None:
        if not self._stale:
            return
        self._stale = False
        try:
            await self._read_now()
        except SQLAlchemyError as error:
            self._stale = True
            log.warning("the page shows what was read last: %s", type(error).__name__)

    async def _read_now(self) -> None:
        engine = self._watch.store.engine
        self._open = await asyncio.to_thread(open_incidents, engine, OPEN_READ)
        numbers = [incident.id for incident in self._open]
        self._alerts = dict(await asyncio.to_thread(alerts_of, engine, numbers))
        self._closed = await asyncio.to_thread(find_incidents, engine, Wanted("closed"), CLOSED_SHOWN)
        self._events = await asyncio.to_thread(last_events, engine, EVENTS_SHOWN)


def _filled(engine: Engine, interval_s: float, wall: int) -> tuple[Bars, Trails]:
    """Bars and lines of what is stored; in a thread, because two hours of a large fleet take their time."""
    bars, trails = Bars(interval_s), Trails(interval_s)
    bars.fill(pushes_since(engine, wall - bars.span_ms))
    trails.fill(minutes_since(engine, wall - trails.span_ms))
    return bars, trails


def title(seen: Summary, words: str) -> str:
    """A page's title: what is wrong comes first, since a tab shows no more."""
    wrong = seen.counts["down"] + seen.counts["unheard"]
    return f"✗ {wrong} down · {words}" if wrong else words
