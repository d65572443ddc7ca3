"""Which messages waiting alerts become, and the numbers of patience."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from noc.watch.alerts.messages import Waiting, deliveries
from noc.watch.alerts.outbox import LONGEST_PAUSE_S, pause_after
from noc.watch.clock import span
from noc.watch.store.records import AlertKind, Incident

OPEN = Incident(7, "frankfurt", "death", "killed", 1_700_000_000_000)
OVER = replace(OPEN, ended=1_700_000_060_000, end_reason="steady")


def waiting(kind: AlertKind, incident: Incident, created: int = 0) -> Waiting:
    return Waiting(f"{incident.id}-{kind}", kind, created, 0, incident)


def test_each_alert_of_an_open_incident_is_a_message() -> None:
    found = deliveries([waiting("escalated", OPEN, 2), waiting("opened", OPEN, 1)])
    assert [each.settles for each in found] == [("7-opened",), ("7-escalated",)]


def test_an_incident_that_is_over_goes_out_as_one_recovery() -> None:
    found = deliveries([waiting("opened", OVER, 1), waiting("closed", OVER, 3), waiting("escalated", OVER, 2)])
    assert [(each.alert.kind, each.settles) for each in found] == [("closed", ("7-opened", "7-escalated", "7-closed"))]


def test_a_recovery_keeps_its_place_when_the_wall_clock_stepped_back() -> None:
    found = deliveries([waiting("opened", OVER, 5), waiting("closed", OVER, 1)])
    assert [each.alert.kind for each in found] == ["closed"]


@given(st.lists(st.tuples(st.integers(1, 4), st.sampled_from(["opened", "escalated", "closed"])), unique=True))
def test_every_waiting_alert_is_settled_exactly_once(pairs: list[tuple[int, AlertKind]]) -> None:
    alerts = [waiting(kind, replace(OVER if number % 2 else OPEN, id=number)) for number, kind in pairs]
    settled = [name for each in deliveries(alerts) for name in each.settles]
    assert sorted(settled) == sorted(alert.id for alert in alerts)


@given(st.integers(0, 10_000), st.floats(0, 0.999), st.floats(0, 600))
def test_the_pause_grows_but_has_a_limit_and_obeys_the_receiver(attempts: int, chance: float, asked: float) -> None:
    pause = pause_after(attempts, at_least=asked, chance=lambda: chance)
    assert asked <= pause <= max(asked, LONGEST_PAUSE_S)
    assert pause >= 0.5


def test_a_duration_is_told_in_its_two_largest_units() -> None:
    assert [span(ms) for ms in (0, 41_000, 303_000, 7_800_000, 3_600_000)] == [
        "0 s",
        "41 s",
        "5 min 3 s",
        "2 h 10 min",
        "1 h",
    ]
