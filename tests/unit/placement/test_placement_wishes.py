"""Wishes come from outside: what they may be, and that nothing else gets in."""

import pytest

from noc.placement.errors import BadWishes
from noc.placement.wishes import Wishes, read_wishes


def test_nothing_wished_is_read() -> None:
    assert read_wishes({}) == Wishes(residency=None, node=None, round_trips={})


@pytest.mark.parametrize("residency", ["CH", "eu", "north-america"])
def test_a_residency_is_a_country_or_a_group(residency: str) -> None:
    assert read_wishes({"residency": residency}).residency == residency


def test_round_trips_are_read_in_milliseconds() -> None:
    wishes = read_wishes({"round_trips": {"frankfurt": [11, 12.5]}})
    assert wishes.round_trips == {"frankfurt": (11.0, 12.5)}


BAD = {
    "no-object": [],
    "a-key-too-many": {"country": "CH"},
    "a-country-in-small-letters-of-three": {"residency": "Che"},
    "an-escape-sequence": {"residency": "\x1b[31m"},
    "a-node-that-is-a-path": {"node": "../frankfurt"},
    "round-trips-in-a-list": {"round_trips": [1, 2]},
    "a-number-in-quotes": {"round_trips": {"frankfurt": ["12"]}},
    "a-truth-value": {"round_trips": {"frankfurt": [True]}},
    "a-name-in-two-lines": {"round_trips": {"frank\nfurt": [1]}},
    "one-sample-alone": {"round_trips": {"frankfurt": 12}},
    "too-many-samples": {"round_trips": {"frankfurt": [1] * 33}},
    "too-many-nodes": {"round_trips": {f"node{number}": [1] for number in range(17)}},
}


@pytest.mark.parametrize("document", BAD.values(), ids=BAD.keys())
def test_what_is_no_wish_is_refused(document: object) -> None:
    with pytest.raises(BadWishes):
        read_wishes(document)


def test_a_refusal_repeats_nothing_that_was_sent() -> None:
    with pytest.raises(BadWishes) as caught:
        read_wishes({"round_trips": {"\x1b]0;owned\x07": [1]}, "\x1b[2J": 1})
    assert "\x1b" not in str(caught.value)
    assert "owned" not in str(caught.value)
