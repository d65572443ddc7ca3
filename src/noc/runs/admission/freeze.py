"""Freezes: times in which no run begins, because nobody would be there to see what became of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from noc.fleet.model import Fleet, Freeze
from noc.fleet.windows import Window
from noc.runs.admission.clock import told
from noc.runs.admission.errors import FleetFrozen
from noc.runs.plan.plan import Plan

PASSES: Final = frozenset({"rollback", "backup"})
"""A way back, and a copy that changes nothing on its node."""
_FORESEEN = timedelta(days=60)
"""How far the end of windows that follow one another is looked for: weekly ones may fill the whole week."""


@dataclass(frozen=True)
class Frozen:
    """A window that holds now, and when runs may begin again (UTC), however many windows follow it without a gap."""

    window: Freeze
    until: datetime


def frozen(windows: Sequence[Freeze], now: datetime) -> Frozen | None:
    """Whether runs are kept from beginning.

    Args:
        windows: the fleet's, as they were loaded.
        now: an aware time.

    Returns:
        Of the windows that hold the one that ends last; None where none does.
    """
    read = [(window, Window.read(window.start, window.end, window.zone)) for window in windows]
    if (held := _longest(read, now)) is None:
        return None
    until = held.until
    while until < now + _FORESEEN and (following := _longest(read, until)):
        until = following.until
    return Frozen(held.window, until)


def _longest(read: Sequence[tuple[Freeze, Window]], now: datetime) -> Frozen | None:
    ends = ((freeze, window.holding(now)) for freeze, window in read)
    holding = [Frozen(freeze, end) for freeze, end in ends if end is not None]
    return max(holding, key=lambda held: held.until, default=None)


def check_freeze(plan: Plan, fleet: Fleet, now: datetime | None = None) -> None:
    """Keep a run from beginning inside a freeze; what may not wait passes, and a plan that says why it cannot.

    Args:
        plan: what would begin.
        fleet: whose windows hold, and in whose timezone their end is told.
        now: an aware time; None for the present.

    Raises:
        FleetFrozen: it has to wait.
    """
    held = frozen(fleet.freeze, now or datetime.now(UTC))
    if held is None or plan.action in PASSES or plan.options.override_freeze.strip():
        return
    window, until = held.window, told(held.until.astimezone(ZoneInfo(fleet.timezone)))
    raise FleetFrozen(
        f"no run begins before {until}",
        why=f"{window.reason} (freeze from {window.start} until {window.end}, {window.zone})",
        fix='wait, or say why it cannot: --override-freeze "REASON", which makes the plan a high risk',
    )
