"""The limit that labs raise and put back."""

from pathlib import Path

import pytest

from noc.lab.limits import NEEDED, Limits


@pytest.fixture
def limits(tmp_path: Path) -> Limits:
    (tmp_path / "sysctl").write_text("128\n")
    return Limits(tmp_path / "sysctl", tmp_path / "note")


def value(limits: Limits) -> int:
    return int(limits.sysctl.read_text())


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
    limits.sysctl.write_text("9999\n")
    with limits.raised():
        assert value(limits) == 9999
    restore(limits)
    assert value(limits) == 9999


def test_restoring_without_a_lab_changes_nothing(limits: Limits) -> None:
    restore(limits)
    assert value(limits) == 128
