"""Rehearsals are written down beside the backups, the newest first, and a line that was cut hides no other."""

from datetime import timedelta
from pathlib import Path

from noc.backup.rehearsals import FILE, MOST, Rehearsal, add, rehearsals
from unit.backup.backup_kit import NOW


def rehearsal(number: int = 0) -> Rehearsal:
    at = NOW + timedelta(minutes=number)
    return Rehearsal(at=at, backup="20261126T030000Z", ok=True, seconds=1.5, tables=2, rows=number, by="james")


def test_a_node_without_rehearsals_has_none(tmp_path: Path) -> None:
    assert rehearsals(tmp_path / "nowhere") == ()


def test_the_newest_comes_first_and_nobody_else_reads_them(tmp_path: Path) -> None:
    for number in range(3):
        add(tmp_path, rehearsal(number))
    assert [made.rows for made in rehearsals(tmp_path)] == [2, 1, 0]
    assert (tmp_path / FILE).stat().st_mode & 0o777 == 0o600


def test_a_line_that_makes_no_sense_is_left_out(tmp_path: Path) -> None:
    add(tmp_path, rehearsal(1))
    with (tmp_path / FILE).open("a") as file:
        file.write('{"at": "2026-')
    assert [made.rows for made in rehearsals(tmp_path)] == [1]


def test_the_oldest_go(tmp_path: Path) -> None:
    lines = "".join(f"{rehearsal(number).model_dump_json()}\n" for number in range(MOST))
    (tmp_path / FILE).write_text(lines)
    add(tmp_path, rehearsal(MOST))
    found = rehearsals(tmp_path)
    assert (len(found), found[0].rows, found[-1].rows) == (MOST, MOST, 1)
