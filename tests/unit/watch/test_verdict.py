"""Which part is at fault: every combination of what two witnesses can say."""

from itertools import product
from typing import get_args

import pytest

from judge_kit import alone
from noc.watch.judge.verdict import Part, View, verdict
from noc.watch.store.records import SightingStage

NODE = "frankfurt"
VIEWS: tuple[View, ...] = (None, *get_args(SightingStage))

TABLE: dict[tuple[bool, View, bool, bool], Part] = {
    # pushes, view, others lost, HQ cut off
    (True, None, False, False): "",
    (True, None, False, True): "",
    (True, None, True, False): "",
    (True, None, True, True): "",
    (True, "", False, False): "",
    (True, "", False, True): "",
    (True, "", True, False): "",
    (True, "", True, True): "",
    (True, "name", False, False): "name",
    (True, "name", False, True): "HQ",
    (True, "name", True, False): "name",
    (True, "name", True, True): "HQ",
    (True, "connect", False, False): "proxy",
    (True, "connect", False, True): "HQ",
    (True, "connect", True, False): "proxy",
    (True, "connect", True, True): "HQ",
    (True, "certificate", False, False): "certificate",
    (True, "certificate", False, True): "HQ",
    (True, "certificate", True, False): "certificate",
    (True, "certificate", True, True): "HQ",
    (True, "answer", False, False): "service",
    (True, "answer", False, True): "HQ",
    (True, "answer", True, False): "service",
    (True, "answer", True, True): "HQ",
    (False, None, False, False): "",
    (False, None, False, True): "HQ",
    (False, None, True, False): "HQ",
    (False, None, True, True): "HQ",
    (False, "", False, False): "tunnel",
    (False, "", False, True): "HQ",
    (False, "", True, False): "tunnel",
    (False, "", True, True): "HQ",
    (False, "name", False, False): "name",
    (False, "name", False, True): "HQ",
    (False, "name", True, False): "HQ",
    (False, "name", True, True): "HQ",
    (False, "connect", False, False): "",
    (False, "connect", False, True): "HQ",
    (False, "connect", True, False): "HQ",
    (False, "connect", True, True): "HQ",
    (False, "certificate", False, False): "certificate",
    (False, "certificate", False, True): "HQ",
    (False, "certificate", True, False): "HQ",
    (False, "certificate", True, True): "HQ",
    (False, "answer", False, False): "service",
    (False, "answer", False, True): "HQ",
    (False, "answer", True, False): "HQ",
    (False, "answer", True, True): "HQ",
}


@pytest.mark.parametrize(("row", "part"), TABLE.items())
def test_each_row_of_the_table(row: tuple[bool, View, bool, bool], part: Part) -> None:
    pushes, view, others_lost, cut_off = row
    assert verdict(pushes=pushes, view=view, others_lost=others_lost, cut_off=cut_off) == part


def test_the_table_is_whole() -> None:
    assert set(TABLE) == set(product((True, False), VIEWS, (True, False), (True, False)))


def test_a_node_that_serves_and_does_not_push_is_unheard() -> None:
    stage = alone().push(NODE).wait(45).look(NODE).wait(20)
    assert stage.state(NODE) == "unheard"
    assert stage.incident().verdict == "tunnel"


def test_an_unheard_node_is_sev2_at_the_same_instant_as_a_dead_one() -> None:
    heard, unheard = alone().push(NODE).wait(100), alone().push(NODE).wait(45).look(NODE).wait(55)
    assert heard.incident().started == unheard.incident().started


def test_a_node_that_does_not_serve_either_says_so() -> None:
    stage = alone().push(NODE).wait(45).look(NODE, "connect").wait(20)
    assert stage.state(NODE) == "down"
    assert "does not serve either" in stage.incident().detail


def test_a_look_after_the_alert_completes_the_incident_without_another() -> None:
    stage = alone().push(NODE).wait(61).look(NODE, "answer")
    assert stage.incident().verdict == "service"
    assert stage.told() == [("opened", NODE)]


def test_the_witness_is_asked_at_the_first_missed_push_and_at_the_deadline() -> None:
    stage = alone().push(NODE).wait(30.4)
    assert stage.judge.suspects == []
    assert stage.wait(1).judge.suspects == [NODE]
    assert stage.wait(30).judge.suspects == [NODE, NODE]


def test_the_witness_is_asked_when_a_death_is_reported() -> None:
    assert alone().push(NODE).die(NODE).judge.suspects == [NODE]


def test_two_failed_looks_in_a_row_are_an_incident_while_pushes_arrive() -> None:
    stage = alone().push(NODE).look(NODE, "certificate").wait(20).look(NODE, "certificate")
    assert stage.told() == [("opened", NODE)]
    assert (stage.incident().cause, stage.incident().verdict) == ("public", "certificate")


def test_one_failed_look_is_nothing() -> None:
    assert alone().push(NODE).look(NODE, "connect").wait(5).look(NODE).look(NODE, "connect").told() == []


def test_one_look_that_is_well_ends_it() -> None:
    stage = alone().push(NODE).look(NODE, "connect").look(NODE, "connect").wait(10).look(NODE)
    assert stage.told() == [("opened", NODE), ("closed", NODE)]


def test_pushes_do_not_end_what_was_seen_from_outside() -> None:
    stage = alone().push(NODE).look(NODE, "connect").look(NODE, "connect").beating(120, [NODE])
    assert stage.told() == [("opened", NODE)]


def test_a_node_that_pushes_again_and_does_not_serve_stays_one_incident() -> None:
    stage = alone().push(NODE).wait(61).look(NODE, "connect").look(NODE, "connect").push(NODE)
    assert (stage.incident().cause, stage.incident().verdict) == ("public", "proxy")
    assert stage.look(NODE).told() == [("opened", NODE), ("closed", NODE)]


def test_a_node_that_serves_again_and_does_not_push_stays_one_incident() -> None:
    stage = alone().push(NODE).look(NODE, "connect").look(NODE, "connect").wait(70).look(NODE)
    assert (stage.incident().cause, stage.incident().verdict) == ("missed", "tunnel")
    assert stage.told() == [("opened", NODE)]


def test_a_reported_death_is_the_service() -> None:
    assert alone().push(NODE).die(NODE).incident().verdict == "service"


def test_public_trouble_that_nobody_looks_at_any_more_does_not_hold_a_node_down() -> None:
    stage = alone().push(NODE).look(NODE, "connect").look(NODE, "connect").beating(240, [NODE])
    assert stage.told()[-1] == ("closed", NODE)
