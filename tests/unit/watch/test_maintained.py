"""Maintenance in the past, and which outages count: what availability is made from."""

from datetime import UTC, datetime

from noc.watch.api.availability import overall
from noc.watch.api.uptime import days_of, excused
from noc.watch.store.maintained import BEGAN, ENDED, Maintained, pair
from noc.watch.store.outages import Outage

HOUR = 3_600_000
NOW = round(datetime(2026, 11, 26, 12, tzinfo=UTC).timestamp() * 1000)


def began(at: int, window: str = "w", **detail: object) -> tuple[str, int, dict[str, object]]:
    return BEGAN, at, {"window": window, "scope": ["frankfurt"], **detail}


def ended(at: int, window: str = "w") -> tuple[str, int, dict[str, object]]:
    return ENDED, at, {"window": window}


def held(since: int, until: int | None, window: str = "w") -> Maintained:
    return Maintained(window, ("frankfurt",), since, until)


def test_a_window_held_from_its_beginning_to_its_end() -> None:
    assert pair([began(1), ended(5)]) == [held(1, 5)]


def test_two_windows_at_once_are_two() -> None:
    assert pair([began(1), began(2, "v"), ended(3), ended(4, "v")]) == [held(1, 3), held(2, 4, "v")]


def test_one_that_stands_has_no_end() -> None:
    assert pair([began(1)]) == [held(1, None)]


def test_a_restart_in_the_middle_of_it_makes_no_second_one() -> None:
    assert pair([began(1, until=9), began(3, until=9), ended(9)]) == [held(1, 9)]


def test_an_end_that_was_never_written_is_the_one_that_was_announced() -> None:
    assert pair([began(1, until=5)]) == [held(1, 5)]


def test_the_next_turn_of_a_window_whose_end_was_never_written_is_another_one() -> None:
    assert pair([began(1, until=5), began(11, until=15), ended(15)]) == [held(1, 5), held(11, 15)]


def test_an_end_without_a_beginning_is_nothing() -> None:
    assert pair([ended(5)]) == []


def test_a_scope_is_whom_its_words_mean() -> None:
    maintained = [Maintained("w", ("eu", "gone"), 1, 5), Maintained("v", ("virginia",), 2, 6)]
    scopes = {"eu": {"frankfurt", "zurich"}, "virginia": {"virginia"}}
    assert excused("frankfurt", maintained, scopes, 9) == [(1, 5)]


def test_maintenance_that_stands_lasts_until_now() -> None:
    assert excused("frankfurt", [held(1, None)], {"frankfurt": {"frankfurt"}}, 9) == [(1, 9)]


def outage(node: str, verdict: str, hours: int) -> Outage:
    return Outage(1, node, "SEV2", NOW - hours * HOUR, None, verdict, None)


def up(*outages: Outage, first: int = NOW - 10 * HOUR) -> float | None:
    return overall(days_of("frankfurt", first, outages, (), now=NOW, zone=UTC, days=2))


def test_an_outage_counts_from_its_start_until_now() -> None:
    assert up(outage("frankfurt", "service", 5)) == 0.5


def test_another_nodes_outage_is_its_own() -> None:
    assert up(outage("virginia", "service", 5)) == 1


def test_a_node_that_served_and_could_not_push_was_up() -> None:
    assert up(outage("frankfurt", "tunnel", 5)) == 1


def test_what_hq_could_not_see_counts_neither_way() -> None:
    assert up(outage("@fleet", "HQ", 5), outage("frankfurt", "service", 6)) == 0.8


def test_time_before_the_first_push_does_not_count() -> None:
    assert up(outage("frankfurt", "", 1), first=NOW - 2 * HOUR) == 0.5
