"""Entries of the audit that were noted in the second place."""

import json
from datetime import UTC, datetime
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from noc.hub.audithead import note, noted
from noc.hub.second import Directory
from noc.runs.record.anchors import Anchor

AT = datetime(2026, 3, 4, 8, tzinfo=UTC)
A, B = "a" * 64, "b" * 64


def test_an_entry_is_noted_once_and_each_in_a_file_of_its_own(tmp_path: Path) -> None:
    place = Directory(tmp_path)
    for seq, sha256 in ((1, A), (1, A), (2, B)):
        note(place, "zurich", seq, sha256, AT)
    assert noted(place, "zurich") == [Anchor(1, A, "the second place"), Anchor(2, B, "the second place")]
    assert len(list(tmp_path.iterdir())) == 2


def test_a_note_says_when_it_was_made_and_of_whom(tmp_path: Path) -> None:
    name = note(Directory(tmp_path), "zurich", 7, A, AT)
    said = json.loads((tmp_path / name).read_text())
    assert said == {"hub": "zurich", "seq": 7, "hash": A, "at": "2026-03-04T08:00:00Z"}


def test_notes_of_another_hq_and_other_files_are_not_ours(tmp_path: Path) -> None:
    place = Directory(tmp_path)
    note(place, "geneva", 1, A, AT)
    (tmp_path / "noc-zurich-20260304T080000000Z.tar.gz.age").touch()
    assert noted(place, "zurich") == []


@given(st.lists(st.integers(0, 9_999_999_999), unique=True, max_size=8))
def test_notes_come_back_in_the_audits_order(numbers: list[int]) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as scratch:
        place = Directory(Path(scratch))
        for seq in numbers:
            note(place, "zurich", seq, A, AT)
        assert [each.seq for each in noted(place, "zurich")] == sorted(numbers)
