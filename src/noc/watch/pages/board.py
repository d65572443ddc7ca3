"""What the page shows, as plain values: who is worst comes first, every number comes with its unit."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from noc.watch.clock import Moment, span
from noc.watch.pages.bars import Bars, Slot
from noc.watch.service.watch import Watch
from noc.watch.store.records import State

GLYPHS: Final = {"down": "✗", "late": "!", "up": "✓", "pending": "·", "SEV1": "✗", "SEV2": "!"}
RANK: Final[dict[State, int]] = {"down": 0, "late": 1, "up": 2, "pending": 3}
DASH: Final = "\N{EN DASH}"
BAR_WIDTH: Final = 4
BAR_HEIGHT: Final[dict[Slot, int]] = {"full": 14, "part": 8, "gap": 2, "death": 14, "none": 0}

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
    life: str
    deployment: str
    since: int | None
    seen: int | None
    version: str
    bars: tuple[Bar, ...]
    bars_text: str
    values: Mapping[str, str]
    warn: Sequence[str]


@dataclass(frozen=True)
class Summary:
    """The one look: how many nodes in which state, how many incidents of which severity, since when."""

    counts: Mapping[State, int]
    sev1: int
    sev2: int
    oldest: int | None
    worst: str
    waiting: int


def rows(watch: Watch, bars: Bars, now: Moment) -> list[Row]:
    """Every node, failing ones first: by severity and age, then late, up, pending, each in the fleet's order."""
    found = [_row(watch, bars, name, now) for name in watch.config.nodes]
    return sorted(found, key=lambda row: (RANK[row.state], row.severity, row.since or 0 if row.state == "down" else 0))


def summary(nodes: Sequence[Row], incidents: Iterable[Mapping[str, Any]]) -> Summary:
    """Count states, severities, and the alerts that could not go out yet."""
    counts = {state: sum(row.state == state for row in nodes) for state in RANK}
    severities = [row.severity for row in nodes]
    starts = [row.since for row in nodes if row.state == "down" and row.since is not None]
    worst = min((row.state for row in nodes), key=lambda state: RANK[state], default="pending")
    waiting = sum(alert["sent_at"] is None for incident in incidents for alert in incident["alerts"])
    return Summary(
        counts=counts,
        sev1=severities.count("SEV1"),
        sev2=severities.count("SEV2"),
        oldest=min(starts, default=None),
        worst=worst,
        waiting=waiting,
    )


def _row(watch: Watch, bars: Bars, name: str, now: Moment) -> Row:
    standing, watched = watch.judge.nodes[name], watch.config.nodes[name]
    state, last, incident = standing.state(now), standing.last, standing.incident
    slots = bars.slots(name, now.wall)
    telemetry = (last.telemetry if last else None) or {}
    return Row(
        name=name,
        city=watched.node.city,
        country=watched.node.country,
        state=state,
        glyph=GLYPHS[state],
        severity=incident.severity if incident else "",
        life=watched.life.value,
        deployment=standing.deployment.run if standing.deployment else "",
        since=standing.since(now),
        seen=last.at if last else None,
        version=(last.version if last else None) or "",
        bars=tuple(_paths(slots)),
        bars_text=_bars_text(slots, bars),
        values={field: word(telemetry.get(field), unit) for field, unit in UNITS.items()}
        | {"errors": _errors(telemetry)},
        warn=tuple(_warnings(telemetry)),
    )


def _paths(slots: Sequence[Slot]) -> Iterable[Bar]:
    for kind, height in BAR_HEIGHT.items():
        places = [index for index, slot in enumerate(slots) if slot == kind]
        if places and height:
            path = "".join(f"M{place * BAR_WIDTH} {15 - height}h3v{height}h-3z" for place in places)
            yield Bar(kind, path)


def _bars_text(slots: Sequence[Slot], bars: Bars) -> str:
    known = [slot for slot in slots if slot != "none"]
    if not known:
        return "no heartbeat yet"
    words: dict[Slot, str] = {"part": "with pushes missing", "gap": "without any push", "death": "with a death"}
    bad = ", ".join(f"{known.count(kind)} {text}" for kind, text in words.items() if kind in known)
    return f"last {span(bars.span_ms)}, {span(bars.slot_ms)} a bar: {bad or 'no push missing'}"


UNITS: Final = {
    "ram_mb": "MB",
    "cpu_pct": "%",
    "disk_pct": "%",
    "db_size_mb": "MB",
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
