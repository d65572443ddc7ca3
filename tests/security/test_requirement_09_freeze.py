"""Requirement 9: freezes hold as clocks show them, also where clocks change; to override one takes two people."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from approval_kit import BASIS, NOW, approver, with_people
from approval_kit import plan as plan_of
from noc.fleet.inventory import Inventory
from noc.fleet.model import Fleet, Freeze
from noc.runs.admission.approval import approve, asked, use
from noc.runs.admission.errors import FleetFrozen, NotAnApprover, NotApproved
from noc.runs.admission.freeze import check_freeze
from noc.runs.admission.risk import risk
from noc.runs.plan.plan import Options, Plan

SECOND = timedelta(seconds=1)


def may_begin(fleet: Fleet, at: datetime) -> bool:
    try:
        check_freeze(plan_of(), fleet, at)
    except FleetFrozen:
        return False
    return True


@pytest.mark.parametrize(
    ("zone", "clocks", "instants"),
    [
        # Clocks go forward on the Sunday inside: the weekend is an hour shorter than its clock says.
        ("Europe/Zurich", ("2026-03-28 17:00", "2026-03-30 07:00"), ("2026-03-28 16:00", "2026-03-30 05:00")),
        # They go back: an hour longer.
        ("America/New_York", ("2026-10-31 17:00", "2026-11-02 07:00"), ("2026-10-31 21:00", "2026-11-02 12:00")),
        # Half an hour, in the south.
        ("Australia/Lord_Howe", ("2026-04-04 17:00", "2026-04-06 07:00"), ("2026-04-04 06:00", "2026-04-05 20:30")),
        # It ends at a time of the day that there is twice: at the second of them.
        ("Europe/Zurich", ("2026-10-25 00:00", "2026-10-25 02:30"), ("2026-10-24 22:00", "2026-10-25 01:30")),
        # It ends at one that there never is: when clocks have passed it.
        ("Europe/Zurich", ("2026-03-29 00:00", "2026-03-29 02:30"), ("2026-03-28 23:00", "2026-03-29 01:00")),
    ],
)
def test_a_freeze_across_a_change_of_clocks_ends_when_its_clock_says_so(
    fleet: Fleet, zone: str, clocks: tuple[str, str], instants: tuple[str, str]
) -> None:
    said = {"from": clocks[0], "until": clocks[1], "zone": zone, "reason": "nobody is there"}
    frozen = fleet.model_copy(update={"freeze": (Freeze.model_validate(said),)})
    first, last = (datetime.fromisoformat(each).replace(tzinfo=UTC) for each in instants)
    assert first.astimezone(ZoneInfo(zone)).strftime("%Y-%m-%d %H:%M") == clocks[0]
    seen = [may_begin(frozen, at) for at in (first - SECOND, first, last - SECOND, last)]
    assert seen == [True, False, False, True]


def overriding() -> Plan:
    """A plan that by itself is of the least risk, and begins in spite of a freeze."""
    plan = plan_of("low", options=Options(override_freeze="the certificate ends today"))
    return plan.model_copy(update={"risk": risk(plan, Inventory())}).sealed()


def test_an_override_is_a_high_risk_and_takes_somebody_else_than_who_asks(fleet: Fleet) -> None:
    policy = with_people(fleet, high="another").approval
    request = asked(overriding(), "anna", policy, NOW)
    assert (plan_of("low").risk, request.plan.risk) == ("low", "high")
    with pytest.raises(NotApproved):
        use(request, request.plan.digest, "run", policy, basis=BASIS, now=NOW)
    with pytest.raises(NotAnApprover, match="somebody else"):
        approve(request, approver("anna"), policy, basis=BASIS, now=NOW)
    given = approve(request, approver("james"), policy, basis=BASIS, now=NOW)
    assert use(given, request.plan.digest, "run", policy, basis=BASIS, now=NOW).use is not None
