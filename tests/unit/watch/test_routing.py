"""Who hears what, when: every alert reaches a channel, and what pages somebody at once does not wait."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from noc.fleet.load import load
from noc.fleet.model import Fleet
from noc.fleet.telling import DAYS, Channel, Route
from noc.watch.alerts.routing import LOOK_AHEAD_DAYS, channel_names, opening, routed, router
from noc.watch.store.records import AlertKind, Incident
from watch_kit import write_fleet

KINDS: tuple[AlertKind, ...] = ("opened", "escalated", "reminder", "acknowledged", "closed")
ZURICH = ZoneInfo("Europe/Zurich")
HOUR = 3_600_000
SEV2 = Incident(7, "frankfurt", "missed", "2 pushes missed", 0)
MAIL = Channel(name="mail", kind="apprise", credential="mail_url")
DAYTIME = Route(severities=("SEV2",), channels=("ntfy",), hours="07:00-22:00")


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Fleet:
    return load(write_fleet(tmp_path_factory.mktemp("routing") / "fleet"))


def ms(text: str, zone: ZoneInfo = ZURICH) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=zone).timestamp() * 1000)


def with_routes(fleet: Fleet, *routes: Route) -> Fleet:
    return fleet.model_copy(update={"channel": (MAIL,), "route": routes})


def test_without_routes_everything_goes_to_the_default_channel_at_once(fleet: Fleet) -> None:
    assert all(routed(fleet, SEV2, kind, {}, 0) == {"ntfy": None} for kind in KINDS)


def test_a_sev2_of_the_night_waits_for_the_morning(fleet: Fleet) -> None:
    night = ms("2026-03-03 23:15")
    assert routed(with_routes(fleet, DAYTIME), SEV2, "opened", {}, night) == {"ntfy": ms("2026-03-04 07:00")}


def test_outside_of_its_hours_a_route_may_lead_elsewhere_at_once(fleet: Fleet) -> None:
    route = DAYTIME.model_copy(update={"otherwise": "mail"})
    assert routed(with_routes(fleet, route), SEV2, "opened", {}, ms("2026-03-03 23:15")) == {"mail": None}
    assert routed(with_routes(fleet, route), SEV2, "opened", {}, ms("2026-03-03 12:00")) == {"ntfy": None}


def test_what_escalates_takes_the_way_of_its_new_severity(fleet: Fleet) -> None:
    both = Route(severities=("SEV1",), channels=("ntfy", "mail"))
    found = routed(with_routes(fleet, DAYTIME, both), SEV2, "escalated", {}, ms("2026-03-03 23:15"))
    assert found == {"ntfy": None, "mail": None}


def test_what_no_route_takes_goes_to_the_default_channel(fleet: Fleet) -> None:
    only_sev1 = Route(severities=("SEV1",), channels=("mail",))
    assert routed(with_routes(fleet, only_sev1), SEV2, "opened", {}, 0) == {"ntfy": None}


def test_a_recovery_follows_its_incident_and_wakes_nobody_who_was_not_told(fleet: Fleet) -> None:
    night, morning = ms("2026-03-03 23:15"), ms("2026-03-04 07:00")
    fleet = with_routes(fleet, DAYTIME)
    assert routed(fleet, SEV2, "closed", {"ntfy": morning, "mail": None}, night) == {"ntfy": morning, "mail": None}
    assert routed(fleet, SEV2, "closed", {"ntfy": morning}, morning + HOUR) == {"ntfy": None}


def test_a_recovery_for_a_channel_that_is_gone_goes_where_its_severity_goes(fleet: Fleet) -> None:
    assert routed(fleet, SEV2, "closed", {"pager": None}, 0) == {"ntfy": None}


def test_a_route_that_cannot_be_read_loses_no_alert(fleet: Fleet) -> None:
    broken = with_routes(fleet, DAYTIME.model_copy(update={"zone": "Europe/Atlantis"}))
    assert router(lambda: broken)(SEV2, "opened", {}) == {"ntfy": None}


@pytest.mark.parametrize(
    ("hours", "now", "expected"),
    [
        ("22:00-06:00", "2026-03-03 23:30", None),
        ("22:00-06:00", "2026-03-03 05:30", None),
        ("22:00-06:00", "2026-03-03 06:00", "2026-03-03 22:00"),
        ("07:00-24:00", "2026-03-03 23:59", None),
        ("00:00-24:00", "2026-03-03 12:00", None),
        ("02:15-02:45", "2026-03-29 00:30", "2026-03-30 02:15"),  # clocks skip these hours on that Sunday
        ("02:15-02:45", "2026-10-25 00:30", "2026-10-25 02:15"),
    ],
)
def test_hours_are_those_that_clocks_show(hours: str, now: str, expected: str | None) -> None:
    route = DAYTIME.model_copy(update={"hours": hours})
    assert opening(route, ZURICH, ms(now)) == (None if expected is None else ms(expected))


def test_a_night_counts_to_the_day_on_which_it_begins() -> None:
    weekend = DAYTIME.model_copy(update={"hours": "22:00-06:00", "days": ("Fri", "Sat")})
    assert opening(weekend, ZURICH, ms("2026-03-08 05:00")) is None  # Sunday morning is Saturday's night
    assert opening(weekend, ZURICH, ms("2026-03-08 23:00")) == ms("2026-03-13 22:00")


clocks = st.tuples(st.integers(0, 23), st.integers(0, 59)).map(lambda pair: f"{pair[0]:02}:{pair[1]:02}")
channels = st.sampled_from(["ntfy", "mail"])
routes = st.builds(
    Route,
    severities=st.sampled_from([("SEV1",), ("SEV2",), ("SEV1", "SEV2")]),
    channels=st.lists(channels, min_size=1, max_size=2).map(tuple),
    hours=st.tuples(clocks, clocks).filter(lambda pair: pair[0] != pair[1]).map("-".join),
    days=st.lists(st.sampled_from(DAYS), min_size=1, unique=True).map(tuple),
    zone=st.sampled_from(["", "Europe/Zurich", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"]),
    otherwise=st.sampled_from(["wait", "ntfy", "mail"]),
)


moments = st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001
befores = st.dictionaries(st.sampled_from(["ntfy", "mail", "gone"]), st.none() | st.integers(0, 2**42))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(routes, max_size=4), st.sampled_from(["SEV1", "SEV2"]), st.sampled_from(KINDS), befores, moments)
def test_every_alert_reaches_a_channel_at_some_time(  # noqa: PLR0917 - hypothesis gives what it draws in this order
    fleet: Fleet, drawn: list[Route], severity: str, kind: AlertKind, before: dict[str, int | None], at: datetime
) -> None:
    fleet, now = with_routes(fleet, *drawn), round(at.timestamp() * 1000)
    incident = Incident(7, "frankfurt", "missed", "", 0, severity=severity)  # type: ignore[arg-type]
    dues = routed(fleet, incident, kind, before, now)
    assert dues
    assert set(dues) <= set(channel_names(fleet))
    if kind in {"opened", "escalated", "reminder"}:
        horizon = now + LOOK_AHEAD_DAYS * 24 * HOUR
        assert all(due is None or now < due <= horizon for due in dues.values())


@given(routes, moments)
def test_when_the_hours_of_a_route_begin_they_have_begun(route: Route, at: datetime) -> None:
    zone = ZoneInfo(route.zone or "Europe/Zurich")
    due = opening(route, zone, round(at.timestamp() * 1000))
    assert due is None or opening(route, zone, due) is None
