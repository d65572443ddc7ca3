"""Public words: the few sentences that a page, a feed and a badge say."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from noc.watch.clock import span
from noc.watch.public.facts import Face, IncidentFacts, MaintenanceFacts

FLEET: Final[dict[Face, str]] = {
    "operational": "All nodes are operational",
    "disrupted": "Some nodes are disrupted",
    "outage": "Many nodes are out",
    "maintenance": "All nodes are in maintenance",
    "unknown": "The state of the fleet is not known at the moment",
}
NODE: Final[dict[Face, str]] = {
    "operational": "operational",
    "disrupted": "disrupted",
    "outage": "outage",
    "maintenance": "maintenance",
    "unknown": "not known",
}
GLYPH: Final[dict[Face, str]] = {
    "operational": "✓",
    "disrupted": "!",
    "outage": "✗",
    "maintenance": "↻",
    "unknown": "?",
}


def title(incident: IncidentFacts) -> str:
    """What an incident was, in a few words."""
    if incident.face == "unknown":
        return "Monitoring interrupted"
    what = "Outage" if incident.face == "outage" else "Disruption"
    return f"{what}: {listed(incident.nodes)}"


def story(incident: IncidentFacts) -> str:
    """When it began and ended, in a sentence."""
    began = f"It began on {clock(incident.started)}"
    if incident.ended is None:
        return f"{began} and has not ended."
    return f"{began} and ended after {span(incident.ended - incident.started)}."


def announcement(planned: MaintenanceFacts) -> str:
    """A time of maintenance in a sentence."""
    return f"{listed(planned.nodes)}: from {clock(planned.begins)} to {clock(planned.ends)}"


def listed(nodes: Sequence[str]) -> str:
    """Names, the first three of them."""
    rest = len(nodes) - 3
    return ", ".join(nodes[:3]) + (f" and {rest} more" if rest > 0 else "")


def clock(at: int) -> str:
    """A time (ms UTC) as everybody reads it: `26 Nov 2026 02:31 UTC`."""
    return f"{datetime.fromtimestamp(at / 1000, UTC):%-d %b %Y %H:%M} UTC"


def instant(at: int) -> str:
    """The same to the second: `26 Nov 2026 02:31:05 UTC`."""
    return f"{datetime.fromtimestamp(at / 1000, UTC):%-d %b %Y %H:%M:%S} UTC"


def percent(share: float | None) -> str:
    """A share with two digits, rounded down: what was down is never rounded away."""
    return "\N{EN DASH}" if share is None else f"{int(share * 10_000) / 100:.2f} %"
