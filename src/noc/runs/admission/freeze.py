"""What a freeze keeps from beginning, and what passes."""

from datetime import UTC, datetime
from typing import Final
from zoneinfo import ZoneInfo

from noc.fleet.freezing import frozen
from noc.fleet.model import Fleet
from noc.runs.admission.clock import told
from noc.runs.admission.errors import FleetFrozen
from noc.runs.plan.plan import Plan

PASSES: Final = frozenset({"rollback", "backup"})
"""A way back, and a copy that changes nothing on its node."""


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
