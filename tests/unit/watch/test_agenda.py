"""When the second witness looks at each node."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from noc.watch.witness.agenda import REPEATED_S, Agenda, next_place, phase

TWENTY = {f"n{number}": number for number in range(1, 21)}
NUMBERS = st.integers(1, 244)
INTERVALS = st.floats(1, 3600)
INSTANTS = st.floats(0, 1e7)


@given(NUMBERS, INTERVALS, INSTANTS)
def test_a_nodes_place_comes_once_an_interval_and_never_twice(number: int, interval: float, after: float) -> None:
    instant = next_place(number, interval, after)
    assert after < instant <= after + interval + 1e-6
    assert abs((instant - phase(number, interval)) / interval % 1 - 0.5) > 0.499


@given(st.integers(1, 224), INTERVALS)
def test_twenty_nodes_never_come_at_once(first: int, interval: float) -> None:
    places = sorted(phase(number, interval) for number in range(first, first + 20))
    gaps = [later - earlier for earlier, later in pairwise([*places, places[0] + interval])]
    assert min(gaps) > interval / 20 / 3


def test_every_node_is_looked_at_once_in_each_interval() -> None:
    agenda, looks = Agenda(60, 15), []
    agenda.take(TWENTY, 0)
    while (now := agenda.next_due()) <= 180:
        looks += agenda.take(TWENTY, now)
    assert {looks.count(name) for name in TWENTY} == {3}


def test_a_node_that_is_suspected_is_due_at_once_and_keeps_its_place() -> None:
    agenda = Agenda(60, 15)
    agenda.take(TWENTY, 0)
    agenda.at_once("n7", 1)
    assert agenda.take(TWENTY, 1) == ["n7"]
    assert agenda.next_due() > 1
    assert "n7" in agenda.take(TWENTY, next_place(7, 60, 1))


def test_whoever_was_just_looked_at_is_not_looked_at_again() -> None:
    agenda = Agenda(60, 15)
    agenda.take(TWENTY, 0)
    agenda.at_once("n7", 1)
    agenda.take(TWENTY, 1)
    agenda.at_once("n7", 1 + REPEATED_S / 2)
    assert agenda.take(TWENTY, 1 + REPEATED_S / 2) == []


def test_after_a_failure_the_next_look_comes_sooner_and_never_later() -> None:
    agenda = Agenda(60, 15)
    agenda.take({"a": 1}, 0)
    place = next_place(1, 60, 0)
    agenda.again("a", place - 5)
    assert agenda.next_due() == place
    agenda.take({"a": 1}, place)
    agenda.again("a", place)
    assert agenda.next_due() == place + 15


def test_a_node_that_is_gone_is_forgotten() -> None:
    agenda = Agenda(60, 15)
    agenda.take(TWENTY, 0)
    assert agenda.take({}, 1_000) == []
    agenda.at_once("n7", 1_000)
    assert agenda.take({}, 1_001) == []
