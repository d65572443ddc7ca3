"""How often the same may be asked for, and by whom."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noc.runs.admission.caller import Caller
from noc.runs.admission.errors import TooOften
from noc.runs.admission.often import FREE, HOUR_S, MOST, Often
from principal_kit import ROOT, SERVICE, person

AGENT = SERVICE["noc-agent"]
ANNA = replace(SERVICE["noc-bot"], name="anna", channel="telegram", id="1", voucher="noc-bot")


def passed(often: Often, caller: Caller, operation: str, now: float) -> bool:
    try:
        often.check(caller, operation, now)
    except TooOften:
        return False
    return True


@given(st.lists(st.floats(min_value=0, max_value=3 * HOUR_S), max_size=4 * MOST).map(sorted))
def test_no_hour_has_more_than_that(times: list[float]) -> None:
    often = Often()
    went = [now for now in times if passed(often, AGENT, "start", now)]
    assert all(sum(now - HOUR_S < each <= now for each in went) <= MOST for now in went)
    assert len(times) <= MOST or len(went) >= MOST


@pytest.mark.parametrize("who", [AGENT, ANNA])
def test_one_operation_and_one_person_leave_the_others_as_they_are(who: Caller) -> None:
    often = Often()
    assert [passed(often, who, "plan", 0) for _ in range(MOST + 1)] == [True] * MOST + [False]
    assert passed(often, who, "halt", 0)
    assert passed(often, replace(ANNA, name="james"), "plan", 0)


def test_looking_is_free_and_so_is_whoever_has_a_login() -> None:
    often = Often()
    for _ in range(3 * MOST):
        assert all(passed(often, AGENT, operation, 0) for operation in FREE)
        assert passed(often, ROOT, "plan", 0)
        assert passed(often, person("claude"), "plan", 0)
