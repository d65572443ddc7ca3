"""A halt stands until it is lifted, whatever happens to processes and files."""

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from noc.runs.admission.errors import Halted
from noc.runs.admission.halt import Halt, Order


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "halt.json"


def test_without_a_halt_runs_go_on(path: Path) -> None:
    Halt(path).check()
    assert Halt(path).read() is None


def test_a_halt_says_who_when_and_why(path: Path) -> None:
    Halt(path).set("johan", "the database is being moved")
    with pytest.raises(Halted) as caught:
        Halt(path).check()
    assert caught.value.why.startswith("halted by johan at ")
    assert caught.value.why.endswith("UTC: the database is being moved")
    assert "noc halt --lift" in caught.value.fix


def test_a_second_halt_leaves_the_first_as_it_is(path: Path) -> None:
    first = Halt(path).set("johan", "one")
    assert Halt(path).set("james", "two") == first


def test_what_was_lifted_is_told_once(path: Path) -> None:
    order = Halt(path).set("johan", "")
    assert Halt(path).lift() == order
    Halt(path).check()
    assert Halt(path).lift() is None


def test_a_halt_that_cannot_be_read_stands(path: Path) -> None:
    path.write_text("{")
    with pytest.raises(Halted, match="cannot be read: it is damaged"):
        Halt(path).check()


def test_a_halt_that_cannot_be_read_is_lifted(path: Path) -> None:
    path.write_text("{")
    assert Halt(path).lift() is not None
    assert not path.exists()


def test_a_reason_is_one_line_of_bounded_length(path: Path) -> None:
    why = Halt(path).set("johan", "a\nb\x1b[31m " + "x" * 10_000).why
    assert why.startswith("a b")
    assert len(why) <= 500


@pytest.mark.parametrize("odd", ["\ud800", "\x00", "\x1b[2J", "\u202e", "\U000e0041"], ids=ascii)
def test_no_character_of_a_reason_keeps_the_fleet_from_being_halted(path: Path, odd: str) -> None:
    Halt(path).set("johan", f"now {odd} please")
    standing = Halt(path).read()
    assert standing is not None
    assert (standing.by, odd in standing.why) == ("johan", False)
    assert (standing.why[:4], standing.why[-7:]) == ("now ", " please")


def test_whoever_wrote_it_the_runner_can_read_it(path: Path) -> None:
    Halt(path).set("root", "")
    assert path.stat().st_mode & 0o777 == 0o644


def test_a_halt_is_told_in_the_readers_zone_with_utc_beside_it() -> None:
    order = Order(by="johan", why="", at=datetime(2026, 6, 1, 23, 30, tzinfo=UTC))
    zone = timezone(timedelta(hours=2), "CEST")
    assert order.sentence(zone) == "halted by johan at Tue 2026-06-02 01:30:00 CEST (Mon 23:30:00 UTC)"
