"""What the dashboard shows of every node, as plain values: who is worst comes first, numbers come with their units."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from noc.watch.clock import Moment, span
from noc.watch.pages.bars import Bars, Slot
from noc.watch.pages.look import GLYPHS
from noc.watch.pages.trails import Trails
from noc.watch.service.watch import Watch
from noc.watch.store.records import Incident, State

RANK: Final[dict[State, int]] = {"down": 0, "unheard": 1, "late": 2, "up": 3, "pending": 4}
NO_SEVERITY: Final = "SEV9"
"""Sorts behind every severity."""

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


@dataclass(frozen=True)
class Summary:
    """The one look: how many nodes in which state, how many incidents of which severity, since when."""

    counts: Mapping[State, int]
    sev1: int
    sev2: int
    acked: int
    oldest: int | None
    worst: str
    waiting: int
    maintenance: int


@dataclass(frozen=True)
class Told:
    """What of the database the board needs: open incidents, and how many alerts wait."""

    incidents: Sequence[Incident] = ()
    waiting: int = 0

    def of(self, name: str) -> Incident | None:
        """The worst open incident of a node, of two the older one."""
        own = [each for each in self.incidents if each.node == name]
        return min(own, key=lambda each: (each.severity, each.started), default=None)


def rows(watch: Watch, bars: Bars, trails: Trails, told: Told, now: Moment) -> list[Row]:
    """Every node, failing ones first: by severity and age, then late, up, pending, each in the fleet's order."""
    found = [_row(watch, bars, trails, told, name, now=now) for name in watch.config.nodes]
    return sorted(found, key=_worst_first)


def _worst_first(row: Row) -> tuple[int, str, int, int]:
    is_wrong = bool(row.severity)
    place = 0 if is_wrong else RANK[row.state]
    return place, row.severity or NO_SEVERITY, (row.since or 0) if is_wrong else 0, RANK[row.state]


def summary(nodes: Sequence[Row], told: Told) -> Summary:
    """Count states, severities, and the alerts that could not go out yet."""
    counts = {state: sum(row.state == state for row in nodes) for state in RANK}
    severities = [each.severity for each in told.incidents]
    worst: str = min((row.state for row in nodes), key=lambda state: RANK[state], default="pending")
    if severities and worst not in {"down", "unheard"}:
        worst = "late"
    return Summary(
        counts=counts,
        sev1=severities.count("SEV1"),
        sev2=severities.count("SEV2"),
        acked=sum(each.acked is not None for each in told.incidents),
        oldest=min((each.started for each in told.incidents), default=None),
        worst=worst,
        waiting=told.waiting,
        maintenance=sum(row.maintenance for row in nodes),
    )


def _row(watch: Watch, bars: Bars, trails: Trails, told: Told, name: str, *, now: Moment) -> Row:
    standing, watched = watch.judge.nodes[name], watch.config.nodes[name]
    state, last, incident = standing.state(now), standing.last, told.of(name)
    slots = bars.slots(name, now.wall)
    telemetry = (last.telemetry if last else None) or {}
    return Row(
        name=name,
        city=watched.node.city,
        country=watched.node.country,
        state=state,
        glyph=GLYPHS[state],
        severity=incident.severity if incident else "",
        incident=incident.id if incident else None,
        acked_by=incident.acked_by if incident else "",
        maintenance=bool(standing.windows),
        life=watched.life.value,
        deployment=standing.deployment.run if standing.deployment else "",
        since=incident.started if incident else standing.since(now),
        seen=last.at if last else None,
        version=(last.version if last else None) or "",
        bars=tuple(_paths(slots)),
        bars_text=_bars_text(slots, bars),
        trails=trails.paths(name, now.wall),
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
