"""The limits that labs raise and put back."""

from pathlib import Path

import pytest

from noc.lab.limits import Limits

NEEDED = 1024


@pytest.fixture
def limits(tmp_path: Path) -> Limits:
    (tmp_path / "sysctl").write_text("128\n")
    return Limits({tmp_path / "sysctl": NEEDED}, tmp_path / "note")


def value(limits: Limits) -> int:
    return int(next(iter(limits.needed)).read_text())


def restore(limits: Limits) -> bool:
    with limits.alone() as alone:
        return alone


def test_a_lab_raises_the_limit_and_its_end_puts_it_back(limits: Limits) -> None:
    with limits.raised():
        assert value(limits) == NEEDED
    restore(limits)
    assert value(limits) == 128
    assert not limits.note.exists()


def test_the_last_of_two_labs_puts_it_back_whichever_came_first(limits: Limits) -> None:
    with limits.raised():
        with limits.raised():
            pass
        assert not restore(limits)
        assert value(limits) == NEEDED
    assert restore(limits)
    assert value(limits) == 128


def test_a_lab_that_died_is_cleaned_up_by_the_next_one(limits: Limits) -> None:
    with pytest.raises(KeyboardInterrupt), limits.raised():
        raise KeyboardInterrupt
    with limits.raised():
        assert value(limits) == NEEDED
    restore(limits)
    assert value(limits) == 128


def test_a_higher_limit_is_left_alone(limits: Limits) -> None:
    next(iter(limits.needed)).write_text("9999\n")
    with limits.raised():
        assert value(limits) == 9999
    restore(limits)
    assert value(limits) == 9999


def test_a_limit_that_was_raised_twice_goes_back_to_what_it_was_at_first(limits: Limits) -> None:
    further = Limits(dict.fromkeys(limits.needed, 2 * NEEDED), limits.note)
    with limits.raised(), further.raised():
        assert value(limits) == 2 * NEEDED
    restore(limits)
    assert value(limits) == 128


def test_every_limit_is_put_back(limits: Limits, tmp_path: Path) -> None:
    (tmp_path / "other").write_text("200\n")
    two = Limits({**limits.needed, tmp_path / "other": 2000}, limits.note)
    with two.raised():
        assert (tmp_path / "other").read_text() == "2000\n"
    restore(two)
    assert (value(limits), (tmp_path / "other").read_text()) == (128, "200\n")


def test_restoring_without_a_lab_changes_nothing(limits: Limits) -> None:
    restore(limits)
    assert value(limits) == 128
