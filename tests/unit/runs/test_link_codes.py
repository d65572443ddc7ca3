"""One-time codes: good once, for ten minutes, in one channel, for one person; and wrong ones are counted."""

import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noc.runs.admission.errors import CodeRefused
from noc.runs.admission.linkcodes import COUNTED_S, GOOD_S, WRONG_ALL, WRONG_EACH, LinkCodes


def refused(codes: LinkCodes, code: str, *, channel: str = "telegram", number: str = "4711", now: float = 0) -> bool:
    try:
        codes.take(channel, number, code, now)
    except CodeRefused:
        return True
    return False


def test_a_code_links_whom_it_was_given_to() -> None:
    codes = LinkCodes()
    code = codes.give("anna", "telegram", 0)
    assert re.fullmatch(r"[0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4}", code)
    assert codes.take("telegram", "4711", code, 1) == "anna"


def test_a_code_is_good_once() -> None:
    codes = LinkCodes()
    code = codes.give("anna", "telegram", 0)
    codes.take("telegram", "4711", code, 1)
    assert refused(codes, code, now=2)


@pytest.mark.parametrize(("after_s", "gone"), [(GOOD_S - 1, False), (GOOD_S, True)])
def test_a_code_is_good_for_ten_minutes(after_s: float, gone: bool) -> None:
    codes = LinkCodes()
    assert refused(codes, codes.give("anna", "telegram", 5), now=5 + after_s) is gone


def test_a_code_of_one_channel_is_none_of_another() -> None:
    codes = LinkCodes()
    assert refused(codes, codes.give("anna", "telegram", 0), channel="discord")


def test_a_new_code_ends_the_one_before() -> None:
    codes = LinkCodes()
    before, other = codes.give("anna", "telegram", 0), codes.give("james", "telegram", 0)
    now = codes.give("anna", "telegram", 1)
    assert refused(codes, before, now=2)
    assert codes.take("telegram", "1", now, 2) == "anna"
    assert codes.take("telegram", "2", other, 2) == "james"


@pytest.mark.parametrize("hear", [str.lower, lambda code: code.replace("-", ""), lambda code: f" {code} "])
def test_a_code_may_be_typed_as_people_type(hear: Callable[[str], str]) -> None:
    codes = LinkCodes()
    assert codes.take("telegram", "4711", hear(codes.give("anna", "telegram", 0)), 1) == "anna"


def test_letters_that_look_like_digits_are_those_digits(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = iter("01010101")
    monkeypatch.setattr("noc.runs.admission.linkcodes.secrets.choice", lambda _: next(drawn))
    codes = LinkCodes()
    codes.give("anna", "telegram", 0)
    assert codes.take("telegram", "4711", "OIol-0L0i", 1) == "anna"


def test_after_five_wrong_ones_the_right_one_does_not_count_for_an_hour_from_there() -> None:
    codes = LinkCodes()
    for _ in range(WRONG_EACH):
        assert refused(codes, "AAAA-AAAA")
    code = codes.give("anna", "telegram", 10)
    assert refused(codes, code, now=11)
    assert codes.take("telegram", "4712", code, 12) == "anna"
    later = codes.give("anna", "telegram", COUNTED_S)
    assert codes.take("telegram", "4711", later, COUNTED_S + 1) == "anna"


def test_after_fifty_wrong_ones_from_anybody_none_counts() -> None:
    codes = LinkCodes()
    for number in range(WRONG_ALL):
        assert refused(codes, "AAAA-AAAA", number=str(number + 1))
    assert refused(codes, codes.give("anna", "telegram", 0), number="99999", now=1)


def test_nothing_that_is_kept_is_the_code() -> None:
    codes = LinkCodes()
    code = codes.give("anna", "telegram", 0)
    assert code.replace("-", "") not in repr(vars(codes)).upper()


@given(st.lists(st.tuples(st.sampled_from("123"), st.text(max_size=12)), max_size=80))
def test_whoever_guesses_is_linked_to_nobody_and_remembered_within_bounds(guesses: list[tuple[str, str]]) -> None:
    codes = LinkCodes()
    codes.give("anna", "telegram", 0)
    for number, guess in guesses:
        assert refused(codes, guess, number=number)
    assert len(codes._wrong) <= WRONG_ALL
