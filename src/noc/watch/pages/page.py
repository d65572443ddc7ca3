"""The page: rendered here as a whole and in parts, so that the browser only swaps what changed."""

import asyncio
import hashlib
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from sqlalchemy.exc import SQLAlchemyError

from noc.watch.clock import Moment, from_iso, local, now, span
from noc.watch.pages.bars import Bars
from noc.watch.pages.board import GLYPHS, Row, rows, summary
from noc.watch.pages.runs import RunBoard
from noc.watch.pages.sentences import sentence
from noc.watch.service.watch import Watch
from noc.watch.store.queries import closed_incidents, last_events, pushes_since, read_incidents
from noc.watch.store.records import Beat, Record

log = logging.getLogger(__name__)

HERE: Final = Path(__file__).parent
OPEN_SHOWN: Final = 100
CLOSED_SHOWN: Final = 6
EVENTS_SHOWN: Final = 40
RUN_GLYPHS: Final = {"waiting": "·", "in-hand": "→", "done": "✓", "failed": "✗", "skipped": "·"}
COLUMNS: Final = (
    ("ram_mb", "Memory", False),
    ("cpu_pct", "CPU", False),
    ("disk_pct", "Disk", False),
    ("errors", "Errors / requests", False),
    ("active_sessions", "Sessions", True),
    ("cert_days_remaining", "Certificate", True),
    ("uptime_s", "Running for", True),
)


def static_files() -> dict[str, bytes]:
    """The page's own style, script and icon, by name."""
    return {path.name: path.read_bytes() for path in sorted((HERE / "static").iterdir())}


def fingerprint(files: Mapping[str, bytes]) -> str:
    """A short name for exactly these files, so that browsers may keep them for long."""
    return hashlib.sha256(b"".join(files.values())).hexdigest()[:12]


@dataclass(frozen=True)
class Rendered:
    """The page's parts at one moment: HTML by the id of its section, and each node's row by name."""

    now: Moment
    title: str
    parts: dict[str, str]
    rows: dict[str, str] = field(default_factory=dict)


class Page:
    """Renders the watch's state; keeps the beat bars, and what was read from the database until it changes."""

    def __init__(self, watch: Watch, runs: RunBoard | None = None) -> None:
        """Take the watch to show, and the runs that it was told of; None for none."""
        self._watch, self._runs = watch, runs or RunBoard()
        self._bars = Bars(watch.config.rules.interval)
        self._files = static_files()
        self._version = fingerprint(self._files)
        self._jinja = Environment(
            loader=FileSystemLoader(HERE / "templates"), autoescape=True, undefined=StrictUndefined, auto_reload=False
        )
        self._open: list[dict[str, Any]] = []
        self._closed: list[dict[str, Any]] = []
        self._events: list[dict[str, Any]] = []
        self._stale = True

    @property
    def files(self) -> dict[str, bytes]:
        """The static files by name."""
        return self._files

    async def start(self) -> None:
        """Fill the bars from the database, and follow what is stored from now on."""
        await self._refill()
        self._watch.listeners.append(self._follow)

    def _follow(self, records: Sequence[Record]) -> None:
        for record in records:
            if isinstance(record, Beat):
                self._bars.note(record)
            else:
                self._stale = True

    async def _refill(self) -> None:
        self._bars = Bars(self._watch.config.rules.interval)
        since = now().wall - self._bars.span_ms
        self._bars.fill(await asyncio.to_thread(pushes_since, self._watch.store.engine, since))

    async def render(self) -> Rendered:
        """All parts as they are now."""
        if self._bars.interval_s != self._watch.config.rules.interval:
            await self._refill()
        await self._read()
        moment = now()
        fleet, nodes = self._watch.config.fleet, rows(self._watch, self._bars, moment)
        seen = summary(nodes, self._open)
        common = self._common(moment) | {"fleet": fleet, "summary": seen}
        lines = {row.name: self._jinja.get_template("row.html").render(common, row=row) for row in nodes}
        parts = {
            "summary": self._jinja.get_template("summary.html").render(common),
            "runs": self._run_panel(common, moment),
            "nodes": self._nodes(common, nodes),
            "incidents": self._incidents(common, moment),
            "events": self._jinja.get_template("events.html").render(common, events=self._events),
        }
        wrong = f"✗ {seen.counts['down']} down · " if seen.counts["down"] else ""
        return Rendered(moment, f"{wrong}{fleet.name} fleet", parts, lines)

    def whole(self, rendered: Rendered) -> str:
        """The document around the parts."""
        fleet = self._watch.config.fleet
        return self._jinja.get_template("page.html").render(
            rendered.parts, now=rendered.now, title=rendered.title, fleet=fleet, version=self._version
        )

    def clock(self, at: int) -> str:
        """A time (ms) on the fleet's clock, UTC beside it."""
        return local(at, self._watch.config.fleet.timezone)

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
        engine, timezone = self._watch.store.engine, self._watch.config.fleet.timezone
        found = await asyncio.to_thread(read_incidents, engine, only_open=True, limit=OPEN_SHOWN, timezone=timezone)
        self._open = sorted(found["incidents"], key=lambda each: (each["severity"], each["started_at"]))
        self._closed = await asyncio.to_thread(closed_incidents, engine, CLOSED_SHOWN)
        self._events = await asyncio.to_thread(last_events, engine, EVENTS_SHOWN)

    def _common(self, moment: Moment) -> dict[str, Any]:
        return {
            "now": moment,
            "glyphs": GLYPHS,
            "columns": COLUMNS,
            "clock": self.clock,
            "span": span,
            "sentence": sentence,
            "ms": from_iso,
            "age": lambda at: span(moment.wall - at),
        }

    def _nodes(self, common: Mapping[str, Any], nodes: list[Row]) -> str:
        shown, slot = span(self._bars.span_ms), span(self._bars.slot_ms)
        return self._jinja.get_template("nodes.html").render(common, rows=nodes, shown=shown, slot=slot)

    def _run_panel(self, common: Mapping[str, Any], moment: Moment) -> str:
        return self._jinja.get_template("runs.html").render(
            common,
            run_glyphs=RUN_GLYPHS,
            wall=lambda at: round(at.timestamp() * 1000),
            under_way=self._runs.under_way(moment.wall),
            ended=self._runs.ended(moment.wall),
        )

    def _incidents(self, common: Mapping[str, Any], moment: Moment) -> str:
        steady = {
            name: moment.wall_at(standing.comeback.since)
            for name, standing in self._watch.judge.nodes.items()
            if standing.comeback is not None
        }
        return self._jinja.get_template("incidents.html").render(
            common,
            open=self._open,
            closed=self._closed,
            steady=steady,
            rules=self._watch.config.rules,
        )
