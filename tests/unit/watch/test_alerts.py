"""Which messages waiting alerts become, what they say, and the numbers of patience."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noc.fleet.load import load
from noc.fleet.model import Fleet
from noc.watch.alerts.deliveries import (
    GATHER_S,
    MOST_SINGLE,
    STORM_S,
    Delivery,
    Waiting,
    hold_s,
    plan_round,
    singles_left,
)
from noc.watch.alerts.messages import TEXT_BYTES, bare, compose
from noc.watch.alerts.patience import LONGEST_PAUSE_S, Patience, pause_after
from noc.watch.clock import span
from noc.watch.store.records import AlertKind, Incident
from watch_kit import write_fleet

AT = 1_700_000_000_000
OPEN = Incident(7, "frankfurt", "death", "killed", AT)
OVER = replace(OPEN, ended=AT + 60_000, end_reason="steady")
KINDS: tuple[AlertKind, ...] = ("opened", "escalated", "reminder", "acknowledged", "closed")


@pytest.fixture
def fleet(tmp_path: Path) -> Fleet:
    return load(write_fleet(tmp_path / "fleet"))


def waiting(
    kind: AlertKind, incident: Incident, created: int = AT, *, due: int | None = None, attempts: int = 0
) -> Waiting:
    return Waiting(f"{incident.id}-{kind}", kind, created, attempts, incident, due)


def planned(*alerts: Waiting, now: int = AT) -> list[tuple[list[str], list[str]]]:
    """Of each message: the alerts that speak, and all that it settles."""
    plan = plan_round(alerts, now)
    return [([alert.id for alert in each.alerts], sorted(each.settles)) for each in plan.deliveries]


def alone(alert: Waiting) -> Delivery:
    return Delivery((alert,), (alert.id,))


def many(count: int, **fields: object) -> list[Waiting]:
    return [waiting("opened", replace(OPEN, id=number, **fields)) for number in range(1, count + 1)]  # type: ignore[arg-type]


def test_an_incident_that_grew_before_people_heard_of_it_is_one_message() -> None:
    found = planned(waiting("escalated", OPEN, AT + 2), waiting("opened", OPEN, AT + 1))
    assert found == [(["7-escalated"], ["7-escalated", "7-opened"])]


def test_an_incident_that_is_over_goes_out_as_one_recovery() -> None:
    found = planned(waiting("opened", OVER, 1), waiting("closed", OVER, 3), waiting("escalated", OVER, 2))
    assert found == [(["7-closed"], ["7-closed", "7-escalated", "7-opened"])]


def test_a_recovery_keeps_its_place_when_the_wall_clock_stepped_back() -> None:
    assert planned(waiting("opened", OVER, 5), waiting("closed", OVER, 1))[0][0] == ["7-closed"]


def test_a_reminder_is_needless_once_somebody_has_taken_over() -> None:
    plan = plan_round([waiting("reminder", replace(OPEN, acked=AT, acked_by="mia"))], AT)
    assert (plan.deliveries, plan.needless) == ((), ("7-reminder",))


def test_what_waits_for_its_hours_is_told_along_when_it_grows_before_them() -> None:
    later = waiting("opened", OPEN, due=AT + 3_600_000)
    assert planned(later) == []
    assert planned(later, waiting("escalated", OPEN)) == [(["7-escalated"], ["7-escalated", "7-opened"])]


def test_a_child_is_told_with_its_parent() -> None:
    parent = replace(OPEN, id=9, node="@fleet", cause="correlated")
    child = replace(OPEN, parent=9)
    [(speaks, settles)] = planned(waiting("opened", child), waiting("opened", parent))
    assert (speaks, settles) == (["9-opened"], ["7-opened", "9-opened"])


def test_a_child_whose_parent_was_told_before_is_told_by_itself_rather_than_never() -> None:
    assert planned(waiting("opened", replace(OPEN, parent=9))) == [(["7-opened"], ["7-opened"])]


@pytest.mark.parametrize(("count", "messages"), [(MOST_SINGLE, MOST_SINGLE), (MOST_SINGLE + 1, 1), (21, 1)])
def test_more_than_a_few_at_once_are_one_message(count: int, messages: int) -> None:
    assert len(planned(*many(count))) == messages


def test_after_a_few_messages_the_next_ones_are_gathered() -> None:
    sent = [100.0, 100.5, 101.0]
    assert hold_s(sent, 102.0) == GATHER_S - 1
    assert hold_s(sent, 101.0 + GATHER_S) == 0
    assert (singles_left(sent, 102.0), singles_left(sent, 101.0 + STORM_S)) == (0, MOST_SINGLE)
    assert len(plan_round(many(2), AT, singles=0).deliveries) == 1


incidents = st.builds(
    replace,
    st.just(OPEN),
    id=st.integers(1, 6),
    ended=st.sampled_from([None, AT + 5_000]),
    acked=st.sampled_from([None, AT + 1_000]),
    parent=st.sampled_from([None, 1, 2]),
    severity=st.sampled_from(["SEV1", "SEV2"]),
)


@given(
    st.lists(st.tuples(incidents, st.sampled_from(KINDS), st.integers(-5, 5)), max_size=20),
    st.integers(0, MOST_SINGLE),
)
def test_every_alert_is_settled_once_or_waits_for_its_time(
    drawn: list[tuple[Incident, AlertKind, int]], singles: int
) -> None:
    of = {incident.id: incident for incident, _, _ in drawn}  # an incident stands in one way at a time
    alerts = {
        (incident.id, kind): waiting(kind, of[incident.id], due=AT + later) for incident, kind, later in drawn
    }.values()
    plan = plan_round(alerts, AT, singles=singles)
    done = [name for each in plan.deliveries for name in each.settles] + list(plan.needless)
    assert len(done) == len(set(done))
    due = {alert.id for alert in alerts if alert.due is not None and alert.due <= AT}
    assert due <= set(done)
    assert len(plan.deliveries) <= MOST_SINGLE


@given(st.lists(st.floats(0, 100), max_size=40))
def test_a_storm_of_any_shape_is_few_messages_and_none_waits_long(arrivals: list[float]) -> None:
    sent: list[float] = []
    for at in sorted(arrivals):
        if sent and at <= sent[-1]:
            continue  # it went out with the last message
        hold = hold_s(sent, at)
        assert hold <= GATHER_S
        sent.append(at + hold)
    assert len(sent) <= MOST_SINGLE * (1 + 100 / STORM_S) + 100 / GATHER_S + 2


def test_one_message_names_every_incident_the_worst_first(fleet: Fleet) -> None:
    names = [f"node-{number}" for number in range(20)]
    alerts = [
        waiting("opened", Incident(number, name, "missed", "2 pushes missed " * 9, AT, parent=None))
        for number, name in enumerate(names, 1)
    ]
    alerts[7] = waiting("escalated", replace(alerts[7].incident, severity="SEV1", escalated=AT + 300_000))
    message = compose(plan_round(alerts, AT).deliveries[0], fleet, AT)
    assert all(f"{name} " in message.text for name in names)
    assert message.text.startswith("SEV1 node-7 ")
    assert (message.level, message.title) == ("SEV1", "20 incidents: 1 SEV1, 19 SEV2")
    assert len(message.text.encode()) <= TEXT_BYTES


def test_a_hundred_incidents_are_still_all_named(fleet: Fleet) -> None:
    names = [f"node-{number:03}" for number in range(100)]
    alerts = [waiting("opened", Incident(n, name, "missed", "x" * 90, AT)) for n, name in enumerate(names, 1)]
    text = compose(plan_round(alerts, AT).deliveries[0], fleet, AT).text
    assert all(name in text for name in names)


@pytest.mark.parametrize(
    ("kind", "incident", "title"),
    [
        ("opened", OPEN, "SEV2 frankfurt: its service died"),
        ("opened", replace(OPEN, cause="missed"), "SEV2 frankfurt: no heartbeat"),
        ("opened", replace(OPEN, cause="public"), "SEV2 frankfurt: its public address does not serve"),
        ("opened", replace(OPEN, topic="disk", cause="rule", severity="SEV1"), "SEV1 frankfurt: disk"),
        ("opened", replace(OPEN, node="@fleet", cause="correlated"), "SEV2 the fleet: lost"),
        ("opened", replace(OPEN, node="@region/eu-west-2", cause="correlated"), "SEV2 region eu-west-2: lost"),
        ("opened", replace(OPEN, node="zurich", topic="disk", cause="rule"), "SEV2 HQ (zurich): disk"),
        (
            "escalated",
            replace(OPEN, severity="SEV1", escalated=AT + 300_000),
            "SEV1 frankfurt has been down for 5 min",
        ),
        ("reminder", replace(OPEN, reminded=AT + 1_800_000), "SEV2 frankfurt: nobody has taken over for 30 min"),
        ("acknowledged", replace(OPEN, acked=AT, acked_by="mia"), "frankfurt: mia has taken over"),
        ("opened", replace(OPEN, flaps=2, reopened=AT), "SEV2 frankfurt: flapping, its service died"),
        (
            "escalated",
            replace(OPEN, severity="SEV1", flaps=1, reopened=AT + 60_000, escalated=AT + 360_000),
            "SEV1 frankfurt has been down for 5 min",
        ),
        ("closed", OVER, "Recovered: frankfurt was down 1 min"),
        ("closed", replace(OVER, flaps=3), "Recovered: frankfurt was up and down for 1 min"),
        ("closed", replace(OVER, topic="disk"), "Over: frankfurt: disk"),
    ],
)
def test_a_title_says_what_and_who(kind: AlertKind, incident: Incident, title: str, fleet: Fleet) -> None:
    assert compose(alone(waiting(kind, incident)), fleet, AT).title == title


def test_a_message_says_which_part_is_at_fault_and_leads_to_the_incident(fleet: Fleet) -> None:
    message = compose(alone(waiting("opened", replace(OPEN, verdict="tunnel"))), fleet, AT, acknowledge="https://x/ack")
    assert "At fault: tunnel." in message.text
    assert (message.click, message.acknowledge) == ("https://noc.clavitor.test/incidents/7", "https://x/ack")


def test_what_comes_late_says_so(fleet: Fleet) -> None:
    alert = waiting("opened", OPEN)
    assert "late" not in compose(alone(alert), fleet, AT + 60_000).text
    assert "Told 2 h late." in compose(alone(alert), fleet, AT + 7_200_000).text
    morning = waiting("opened", OPEN, due=AT + 7_200_000)
    assert "late" not in compose(alone(morning), fleet, AT + 7_200_000).text


def test_what_is_remembered_nowhere_says_so(fleet: Fleet) -> None:
    assert "Not stored" in compose(alone(replace(waiting("opened", OPEN), stored=False)), fleet, AT).text


def test_a_bare_message_holds_nothing_that_a_receiver_could_dislike(fleet: Fleet) -> None:
    alert = waiting("opened", replace(OPEN, detail="Zürich ☠ " * 200))
    message = bare(compose(alone(alert), fleet, AT, acknowledge="https://x/ack"))
    assert message.title == "SEV2 frankfurt: its service died"
    assert (message.text.isascii(), len(message.text) <= 300) == (True, True)
    assert (message.click, message.acknowledge) == ("", "")


def test_no_control_character_of_a_node_reaches_a_phone(fleet: Fleet) -> None:
    text = compose(alone(waiting("opened", replace(OPEN, detail="a\x1b[31m\x07b\u202ec"))), fleet, AT).text
    assert text.isprintable()


@given(st.integers(0, 10_000), st.floats(0, 0.999), st.floats(0, 600))
def test_the_pause_grows_but_has_a_limit_and_obeys_the_receiver(attempts: int, chance: float, asked: float) -> None:
    pause = pause_after(attempts, at_least=asked, chance=lambda: chance)
    assert asked <= pause <= max(asked, LONGEST_PAUSE_S)
    assert pause >= 0.5


def test_patience_with_one_message_holds_up_no_other() -> None:
    patience = Patience()
    pause = patience.leave("a", 100.0, 7)
    assert pause >= 7
    assert (patience.left("a", 103.0), patience.left("b", 103.0), patience.channel) == (pause - 3, 0, 0)
    patience.keep({"b"})
    assert patience.left("a", 103.0) == 0


def test_a_duration_is_told_in_its_two_largest_units() -> None:
    assert [span(ms) for ms in (0, 41_000, 303_000, 7_800_000, 3_600_000)] == [
        "0 s",
        "41 s",
        "5 min 3 s",
        "2 h 10 min",
        "1 h",
    ]


@pytest.mark.parametrize(
    ("still", "words"),
    [
        ([], "Nothing else is open."),
        ([replace(OPEN, node="zurich", topic="disk")], "Still open: SEV2 HQ (zurich)."),
        ([replace(OPEN, id=number) for number in range(7)], "and more"),
    ],
)
def test_the_end_of_an_incident_says_what_is_still_open(fleet: Fleet, still: list[Incident], words: str) -> None:
    over = alone(waiting("closed", replace(OPEN, ended=AT, end_reason="it pushes again")))
    text = compose(over, fleet, AT, still=still).text
    assert ("2 more." if words == "and more" else words) in text


def test_what_cannot_be_known_of_others_is_not_said(fleet: Fleet) -> None:
    over = alone(waiting("closed", replace(OPEN, ended=AT, end_reason="it pushes again")))
    assert "open" not in compose(over, fleet, AT).text
