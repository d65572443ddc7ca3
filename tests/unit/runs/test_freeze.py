"""When runs may not begin: windows against a walk over every minute, and what a refusal says."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noc.fleet.freezing import frozen
from noc.fleet.model import Fleet, Freeze
from noc.fleet.windows import DAYS
from noc.runs.admission.errors import FleetFrozen
from noc.runs.admission.freeze import check_freeze
from noc.runs.plan.plan import Options, Plan

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
# Both changes of clock: of an hour, of half an hour, of two, around midnight, in the south, backwards, and none.
CHANGES = {
    "Europe/Zurich": ("2026-03-29", "2026-10-25"),
    "Australia/Lord_Howe": ("2026-04-05", "2026-10-04"),
    "Antarctica/Troll": ("2026-03-29", "2026-10-25"),
    "America/Santiago": ("2026-04-05", "2026-09-06"),
    "Asia/Beirut": ("2026-03-29", "2026-10-25"),
    "Europe/Dublin": ("2026-03-29", "2026-10-25"),
    "Asia/Kolkata": ("2026-01-01", "2026-12-31"),
}


def weekend(**more: str) -> Freeze:
    return Freeze.model_validate(
        {"from": "Fri 17:00", "until": "Mon 07:00", "zone": "Europe/Zurich", "reason": "nobody is at work", **more}
    )


@cache
def minutes(zone: str, day: str) -> tuple[tuple[datetime, datetime], ...]:
    """Every minute from two days before a day until three days after: the instant, and what clocks show."""
    middle, local = datetime.fromisoformat(day).replace(tzinfo=UTC), ZoneInfo(zone)
    instants = (middle + MINUTE * step for step in range(-2 * 1440, 3 * 1440))
    return tuple((at, at.astimezone(local).replace(tzinfo=None)) for at in instants)


def walk(zone: str, day: str, start: datetime, end: datetime) -> set[datetime]:
    """The minutes of a window, by clocks alone: from when they reach its start, until they never show its end again."""
    walked = minutes(zone, day)
    reached = next((index for index, (_, shown) in enumerate(walked) if shown >= start), len(walked))
    before = max((index for index, (_, shown) in enumerate(walked) if shown < end), default=-1)
    shown = max((index for index, (_, shown) in enumerate(walked) if shown == end), default=-1)
    return {at for at, _ in walked[reached : max(before + 1, shown)]}


def weekly(zone: str, day: str, start: timedelta, end: timedelta) -> set[datetime]:
    first = minutes(zone, day)[0][1].replace(hour=0, minute=0)
    monday = first - timedelta(days=first.weekday() + 14)
    begins = [monday + timedelta(days=7 * week) + start for week in range(6)]
    lasts = (end - start) % timedelta(days=7)
    # A window that the walk does not see whole would begin, or end, at the walk's own edge.
    seen = [begin for begin in begins if begin >= first and begin + lasts <= minutes(zone, day)[-1][1]]
    return {at for begin in seen for at in walk(zone, day, begin, begin + lasts)}


def of_the_week(day: str, offset: timedelta) -> timedelta:
    """A time so far after a day's midnight, as time since Monday 00:00."""
    return (timedelta(days=datetime.fromisoformat(day).weekday()) + offset) % timedelta(days=7)


def spelled(moment: timedelta) -> str:
    hours, minute = divmod(moment.seconds // 60, 60)
    return f"{DAYS[moment.days]} {hours:02}:{minute:02}"


def near_the_change(zone: str, day: str) -> Iterator[datetime]:
    """From noon before until noon after, each quarter of an hour and the minute before it: windows end there."""
    middle = datetime.fromisoformat(day).replace(tzinfo=UTC)
    close = (at for at, _ in minutes(zone, day) if middle - 12 * HOUR <= at < middle + 36 * HOUR)
    return (at for at in close if at.minute % 15 in (0, 14))


changes = st.sampled_from([(zone, day) for zone, days in CHANGES.items() for day in days])
quarters = st.integers(-8, 20).map(lambda count: timedelta(minutes=15 * count))
spans = st.integers(1, 48).map(lambda count: timedelta(minutes=15 * count))


@given(changes, quarters, spans)
def test_a_weekly_window_holds_at_the_minutes_that_a_walk_finds(
    change: tuple[str, str], offset: timedelta, lasts: timedelta
) -> None:
    zone, day = change
    start, end = of_the_week(day, offset), of_the_week(day, offset + lasts)
    window = weekend(**{"from": spelled(start), "until": spelled(end), "zone": zone})
    wanted = weekly(zone, day, start, end)
    for at in near_the_change(zone, day):
        assert (frozen([window], at) is not None) == (at in wanted)


@given(changes, quarters, spans)
def test_a_single_window_holds_at_the_minutes_that_a_walk_finds(
    change: tuple[str, str], start: timedelta, lasts: timedelta
) -> None:
    zone, day = change
    begin = datetime.fromisoformat(day) + start
    end = begin + lasts
    window = weekend(**{"from": f"{begin:%Y-%m-%d %H:%M}", "until": f"{end:%Y-%m-%d %H:%M}", "zone": zone})
    wanted = walk(zone, day, begin, end)
    for at in near_the_change(zone, day):
        assert (frozen([window], at) is not None) == (at in wanted)


@given(changes, quarters, spans, st.integers(0, 3 * 288 - 1))
def test_a_freeze_ends_at_the_first_minute_that_is_free(
    change: tuple[str, str], offset: timedelta, lasts: timedelta, step: int
) -> None:
    zone, day = change
    start, end = of_the_week(day, offset), of_the_week(day, offset + lasts)
    windows = [weekend(**{"from": spelled(start), "until": spelled(end), "zone": zone})]
    now = datetime.fromisoformat(day).replace(tzinfo=UTC) + timedelta(days=-1, minutes=5 * step)
    if held := frozen(windows, now):
        assert frozen(windows, held.until) is None
        assert frozen(windows, held.until - MINUTE) is not None


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_of_two_windows_the_one_that_ends_last_is_told() -> None:
    holidays = weekend(**{"from": "2026-12-20 00:00", "until": "2027-01-05 07:00", "reason": "holidays"})
    held = frozen([weekend(), holidays], at("2026-12-26 12:00"))
    assert held is not None
    assert (held.window.reason, held.until) == ("holidays", at("2027-01-05 06:00"))


def test_windows_that_follow_one_another_end_with_the_last() -> None:
    monday = weekend(**{"from": "2026-06-08 07:00", "until": "2026-06-08 12:00"})
    held = frozen([weekend(), monday], at("2026-06-06 12:00"))
    assert held is not None
    assert held.until == at("2026-06-08 10:00")


def test_windows_that_leave_no_time_at_all_are_seen_through() -> None:
    rest = weekend(**{"from": "Mon 07:00", "until": "Fri 17:00"})
    held = frozen([weekend(), rest], at("2026-06-06 12:00"))
    assert held is not None
    assert held.until > at("2026-08-01 00:00")


def test_without_windows_nothing_is_frozen() -> None:
    assert frozen([], at("2026-06-06 12:00")) is None


SATURDAY = at("2026-02-28 12:00")


def plan(action: str = "keygen", override: str = "") -> Plan:
    return Plan.model_construct(action=action, options=Options(override_freeze=override))


def with_freeze(fleet: Fleet, windows: Sequence[Freeze]) -> Fleet:
    return fleet.model_copy(update={"freeze": tuple(windows)})


def test_a_refusal_says_which_window_until_when_and_what_passes(fleet: Fleet) -> None:
    with pytest.raises(FleetFrozen) as caught:
        check_freeze(plan(), with_freeze(fleet, [weekend()]), SATURDAY)
    assert str(caught.value) == (
        "NOC-E540 no run begins before Mon 2026-03-02 07:00:00 CET (06:00:00 UTC): nobody is at work "
        "(freeze from Fri 17:00 until Mon 07:00, Europe/Zurich). Fix: wait, or say why it cannot: "
        '--override-freeze "REASON", which makes the plan a high risk'
    )


def test_the_end_is_told_in_the_fleets_timezone_whatever_the_windows_is(fleet: Fleet) -> None:
    tokyo = weekend(zone="Asia/Tokyo")
    with pytest.raises(FleetFrozen, match=r"before Sun 2026-03-01 23:00:00 CET \(22:00:00 UTC\)"):
        check_freeze(plan(), with_freeze(fleet, [tokyo]), SATURDAY)


def test_a_rollback_passes(fleet: Fleet) -> None:
    check_freeze(plan("rollback"), with_freeze(fleet, [weekend()]), SATURDAY)


def test_a_backup_passes(fleet: Fleet) -> None:
    check_freeze(plan("backup"), with_freeze(fleet, [weekend()]), SATURDAY)


def test_an_override_with_a_reason_passes(fleet: Fleet) -> None:
    check_freeze(plan(override="the certificate ends today"), with_freeze(fleet, [weekend()]), SATURDAY)


def test_an_override_without_a_reason_does_not_pass(fleet: Fleet) -> None:
    with pytest.raises(FleetFrozen):
        check_freeze(plan(override="  "), with_freeze(fleet, [weekend()]), SATURDAY)


def test_outside_of_every_window_runs_begin(fleet: Fleet) -> None:
    check_freeze(plan(), with_freeze(fleet, [weekend()]), at("2026-03-02 06:00"))
