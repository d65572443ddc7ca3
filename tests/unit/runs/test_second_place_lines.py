"""What the doctor says of HQ's own backups, and of whose the fleet is."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noc.fleet.backing import Backup, Second
from noc.fleet.inventory import load_inventory
from noc.fleet.load import load
from noc.runs.admission.restored import GENERATION, Restored
from noc.runs.admission.superseded import note_superseded
from noc.runs.doctor.care import Care
from noc.runs.doctor.line import Line
from noc.runs.doctor.second import STATE_FILE, Sending, second_lines, standing
from noc.runs.paths import Paths

NOW = datetime(2026, 3, 9, 7, 0, tzinfo=UTC)
OVERDUE = timedelta(hours=36)


def lines(paths: Paths, *, named: bool = True) -> list[Line]:
    fleet = load(paths.fleet)
    backup = Backup(overdue=36, second=Second(path="/mnt/second/noc") if named else None)
    care = Care(fleet.model_copy(update={"backup": backup}), load_inventory(paths.fleet), paths, NOW)
    return list(second_lines(care))


def wrote(paths: Paths, sending: Sending) -> None:
    paths.outgoing.mkdir(parents=True)
    (paths.outgoing / STATE_FILE).write_text(sending.model_dump_json())


@pytest.fixture
def kept(paths: Paths, tmp_path: Path) -> Paths:
    """The same, where a test may write beside the state as root does."""
    home = tmp_path / "lib" / "noc"
    (home / "runs").mkdir(parents=True)
    return Paths(fleet=paths.fleet, runs=home / "runs")


def test_no_second_place_is_wrong(kept: Paths) -> None:
    (line,) = lines(kept, named=False)
    assert (line.state, "backup.second" in line.fix) == ("wrong", True)


def test_one_that_has_nothing_yet_is_wrong(kept: Paths) -> None:
    (line,) = lines(kept)
    assert (line.state, line.says) == ("wrong", "it has no backup of HQ yet")


def test_a_recent_one_is_in_order_until_it_is_overdue(kept: Paths) -> None:
    last = NOW - timedelta(hours=30)
    wrote(kept, Sending(tried=last, succeeded=last))
    (line,) = lines(kept)
    assert (line.state, line.at, line.due, line.fix) == ("ok", last, last + OVERDUE, "")


def test_trouble_is_said_at_once(kept: Paths) -> None:
    wrote(kept, Sending(tried=NOW, succeeded=NOW - timedelta(hours=1), error="the connection was refused"))
    (line,) = lines(kept)
    assert (line.state, line.fix) == ("due", "noc hub backup")
    assert "the connection was refused" in line.says


@pytest.mark.parametrize("text", ["", "{}", "\0", '{"tried": 1e400}'])
def test_a_state_that_makes_no_sense_is_as_good_as_none(kept: Paths, text: str) -> None:
    kept.outgoing.mkdir(parents=True)
    (kept.outgoing / STATE_FILE).write_text(text)
    assert lines(kept)[0].state == "wrong"


@given(st.timedeltas(timedelta(0), timedelta(days=30)), st.booleans())
def test_it_never_gets_better_by_waiting(age: timedelta, trouble: bool) -> None:
    rank = ("ok", "due", "wrong")
    sooner, later = (standing(NOW - age, trouble, NOW + more, OVERDUE) for more in (timedelta(0), timedelta(hours=1)))
    assert rank.index(sooner) <= rank.index(later)


def test_a_week_without_is_wrong() -> None:
    assert standing(NOW - timedelta(days=7, seconds=1), trouble=False, now=NOW, overdue=OVERDUE) == "wrong"


def test_an_hq_that_was_replaced_is_told_of_first(kept: Paths) -> None:
    note_superseded(kept.superseded, 41, {"virginia": GENERATION}, NOW)
    line = lines(kept)[0]
    assert (line.what, line.state) == ("HQ", "wrong")
    assert f"fence {GENERATION} was seen by virginia" in line.says


def test_a_restore_that_is_not_through_is_told_of(kept: Paths) -> None:
    kept.restored.write_text(Restored(at=NOW, backup=NOW - timedelta(hours=2), fence=41).model_dump_json())
    line = lines(kept)[0]
    assert (line.state, line.fix) == ("wrong", "noc hub restored")
