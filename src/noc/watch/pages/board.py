"""What the dashboard shows of a node in its row, as plain values: numbers come with their units."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from noc.watch.clock import Moment, span
from noc.watch.pages.bars import Bars, Slot
from noc.watch.pages.look import GLYPHS
from noc.watch.pages.statuses import Status
from noc.watch.pages.trails import Trails
from noc.watch.service.watch import Watch
from noc.watch.store.records import State

DASH: Final = "\N{EN DASH}"
BAR_WIDTH: Final = 4
BAR_HEIGHT: Final[dict[Slot, int]] = {"full": 14, "part": 8, "gap": 2, "death": 14, "none": 0}
COLUMNS: Final = (
    ("ram_mb", "Memory", False),
    ("cpu_pct", "CPU", False),
    ("disk_pct", "Disk", False),
    ("errors", "Errors / requests", False),
    ("active_sessions", "Sessions", True),
    ("cert_days_remaining", "Certificate", True),
    ("uptime_s", "Running for", True),
)
"""Field, heading, and whether only a wide screen has room for it."""

Value = str | int | float | None


@dataclass(frozen=True)
class Bar:
    """All slots of one kind of a node, as one SVG path."""

    kind: Slot
    path: str


@dataclass(frozen=True)
class Row:
    """One node's line."""

    name: str
    city: str
    country: str
    state: State
    glyph: str
    severity: str
    incident: int | None
    acked_by: str
    maintenance: bool
    life: str
    deployment: str
    since: int | None
    seen: int | None
    version: str
    bars: tuple[Bar, ...]
    bars_text: str
    trails: Mapping[str, str]
    values: Mapping[str, str]
    warn: Sequence[str]


def row(watch: Watch, bars: Bars, trails: Trails, status: Status, now: Moment) -> Row:
    """One node's line, with what its pushes said of the last two hours."""
    standing, watched = watch.judge.nodes[status.name], watch.config.nodes[status.name]
    last, slots = standing.last, bars.slots(status.name, now.wall)
    telemetry = (last.telemetry if last else None) or {}
    return Row(
        name=status.name,
        city=watched.node.city,
        country=watched.node.country,
        state=status.state,
        glyph=GLYPHS[status.state],
        severity=status.severity,
        incident=status.incident,
        acked_by=status.acked_by,
        maintenance=status.maintenance,
        life=watched.life.value,
        deployment=standing.deployment.run if standing.deployment else "",
        since=status.since,
        seen=last.at if last else None,
        version=(last.version if last else None) or "",
        bars=tuple(_paths(slots)),
        bars_text=_bars_text(slots, bars),
        trails=trails.paths(status.name, now.wall),
        values={field: word(telemetry.get(field), unit) for field, unit in UNITS.items()}
        | {"errors": _errors(telemetry)},
        warn=tuple(_warnings(telemetry)),
    )


def _paths(slots: Sequence[Slot]) -> Iterable[Bar]:
    """A line for each run of slots of a kind, as thick as its bars are high: the style cuts it into bars."""
    found: dict[Slot, str] = {}
    place = 0
    for kind, run in groupby(slots):
        length = len(list(run))
        if height := BAR_HEIGHT[kind]:
            found[kind] = found.get(kind, "") + f"M{place * BAR_WIDTH} {15 - height / 2:g}h{length * BAR_WIDTH - 1}"
        place += length
    return (Bar(kind, path) for kind, path in found.items())


def _bars_text(slots: Sequence[Slot], bars: Bars) -> str:
    known = [slot for slot in slots if slot != "none"]
    if not known:
        return "no heartbeat yet"
    words: dict[Slot, str] = {"part": "with pushes missing", "gap": "without any push", "death": "with a death"}
    bad = ", ".join(f"{known.count(kind)} {text}" for kind, text in words.items() if kind in known)
    return f"last {span(bars.span_ms)}, {span(bars.slot_ms)} a bar: {bad or 'no push missing'}"


UNITS: Final = {
    "ram_mb": "MiB",
    "cpu_pct": "%",
    "disk_pct": "%",
    "db_size_mb": "MiB",
    "active_sessions": "",
    "cert_days_remaining": "d",
    "nix_gen": "",
    "uptime_s": "time",
}


def word(value: Value, unit: str) -> str:
    """A telemetry value with its unit; a dash where the node did not say."""
    if value is None or isinstance(value, str):
        return value or DASH
    if unit == "time":
        return span(round(value * 1000))
    digits = 0 if abs(value) >= 100 or float(value).is_integer() else 1
    return f"{value:,.{digits}f}".replace(",", " ") + (f" {unit}" if unit else "")


def _errors(telemetry: Mapping[str, Value]) -> str:
    requests, errors = telemetry.get("req_1h"), telemetry.get("err_1h")
    if requests is None and errors is None:
        return DASH
    return f"{word(errors, '')} / {word(requests, '')}"


def _warnings(telemetry: Mapping[str, Value]) -> Iterable[str]:
    """Fields that a person should look at; the thresholds only colour a number, they raise nothing."""
    for field, limit in (("disk_pct", 90), ("cpu_pct", 90)):
        value = telemetry.get(field)
        if isinstance(value, int | float) and value >= limit:
            yield field
    days = telemetry.get("cert_days_remaining")
    if isinstance(days, int | float) and days < 14:
        yield "cert_days_remaining"
