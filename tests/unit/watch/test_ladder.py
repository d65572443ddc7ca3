"""An incident's ladder: escalation, reminders, acknowledgement, and one incident for what flaps."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from judge_kit import RULES, Stage, alone, seconds
from noc.watch.store.records import IncidentSaved

NODE = "frankfurt"
DOWN_S = 61.0


def reminded(stage: Stage) -> list[float]:
    """When people were reminded."""
    saved = [record for record in stage.records if isinstance(record, IncidentSaved) and record.alert == "reminder"]
    return [seconds(each.incident.reminded) for each in saved]


def flapping(times: int) -> Stage:
    """A node that was down and well again, so many times after the first."""
    stage = alone().push(NODE).wait(DOWN_S).push(NODE)
    for _ in range(times):
        stage.wait(DOWN_S).push(NODE)
    return stage


def test_a_sev1_is_brought_to_mind_every_15_minutes() -> None:
    assert reminded(alone().push(NODE).wait(3_000)) == [1260.5, 2160.5]


def test_a_sev2_that_never_grows_is_brought_to_mind_every_hour() -> None:
    stage = alone(rules=replace(RULES, sev1_after=1e9)).push(NODE).wait(7_300)
    assert reminded(stage) == [3660.5, 7260.5]


def test_nobody_is_reminded_of_what_a_person_has_taken_over() -> None:
    assert reminded(alone().push(NODE).wait(100).acknowledge(1).wait(10_000)) == []


def test_an_acknowledged_incident_still_grows() -> None:
    stage = alone().push(NODE).wait(100).acknowledge(1).wait(10_000)
    assert stage.told() == [("opened", NODE), ("acknowledged", NODE), ("escalated", NODE)]


def test_an_acknowledgement_keeps_who_and_what_they_said() -> None:
    incident = alone().push(NODE).wait(100).acknowledge(1, "james", "on my way").incident()
    assert (incident.acked_by, incident.ack_note, seconds(incident.acked)) == ("james", "on my way", 100)


def test_the_same_person_acknowledges_once() -> None:
    stage = alone().push(NODE).wait(100).acknowledge(1).wait(5).acknowledge(1)
    assert stage.told().count(("acknowledged", NODE)) == 1


def test_an_incident_that_is_over_cannot_be_acknowledged() -> None:
    stage = alone().push(NODE).wait(100).push(NODE)
    assert stage.judge.acknowledge(1, "johan", "", stage.now) is None


def test_what_begins_anew_soon_after_its_end_is_the_same_incident() -> None:
    stage = flapping(1)
    assert list(stage.incidents()) == [1]
    assert stage.incident().flaps == 1
    assert seconds(stage.incident().started) == 60.5


def test_what_begins_anew_long_after_its_end_is_another_incident() -> None:
    stage = alone().push(NODE).wait(DOWN_S).push(NODE).beating(690, [NODE]).wait(100)
    assert list(stage.incidents()) == [1, 2]


def test_a_node_that_flaps_is_announced_once_more_and_then_no_more() -> None:
    assert flapping(5).told() == [("opened", NODE), ("closed", NODE), ("opened", NODE)]


def test_each_flap_is_counted() -> None:
    assert flapping(5).incident().flaps == 5


def test_what_flapped_once_ends_after_twice_the_steady_time() -> None:
    stage = flapping(1).beating(600, [NODE])
    assert stage.told()[-1] == ("closed", NODE)
    assert seconds(stage.incident().ended) == 122 + 120


@given(st.integers(1, 40))
def test_what_flapped_ends_after_a_calm_that_grows_and_has_a_bound(times: int) -> None:
    stage = flapping(times)
    calm = stage.time
    stage.beating(2_000, [NODE])
    ended = stage.incident().ended
    assert abs(seconds(ended) - calm - min(900, 60 * 2**times)) < 0.01


def test_a_node_that_flaps_and_is_well_again_does_not_grow_to_sev1_while_it_proves_that() -> None:
    stage = flapping(4).beating(2_000, [NODE])
    assert stage.incident().ended is not None
    assert ("escalated", NODE) not in stage.told()


def test_a_node_that_flaps_and_is_down_again_grows_at_once_when_its_time_has_passed() -> None:
    stage = flapping(4).beating(420, [NODE])
    lost = stage.time + 60.5
    stage.wait(100)
    assert stage.told()[-1] == ("escalated", NODE)
    assert abs(seconds(stage.incident().escalated) - lost) < 0.01


def test_a_new_start_takes_the_acknowledgement_back() -> None:
    stage = alone().push(NODE).wait(DOWN_S).acknowledge(1).push(NODE).wait(DOWN_S)
    assert stage.incident().acked is None


def test_the_servers_own_absence_moves_reminders_too() -> None:
    stage = alone().push(NODE).wait(400)
    stage.time += 500
    stage.judge.extend(500, stage.now)
    assert reminded(stage.wait(1_000)) == [1760.5]
