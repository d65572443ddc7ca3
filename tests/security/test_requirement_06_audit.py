"""Requirement 6: the audit fails closed, and its chain verifies."""

import resource
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from noc.errors import NocError
from noc.runs.record.anchors import Anchor, verify
from noc.runs.record.audit import Audit
from noc.runs.record.journal import run_ids
from runner_house import House

Lines = list[bytes]


@contextmanager
def full_disk(room: int) -> Iterator[None]:
    """Let the kernel refuse every byte of a file beyond this size, as a full disk does (setrlimit(2))."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def planned(house: House) -> dict[str, object]:
    return dict(house.client.ask("plan", action="keygen", nodes=["frankfurt"])["plan"])


def test_on_a_full_disk_nothing_begins_and_it_does_again_once_there_is_room(house: House) -> None:
    house.let_go()
    plan = planned(house)
    house.client.ask("halt")
    house.client.ask("lift")
    with full_disk(house.paths.audit.stat().st_size + 20), pytest.raises(NocError) as refused:
        house.client.start(plan)
    assert (refused.value.code, refused.value.exit_code, run_ids(house.paths.runs)) == ("E525", 7, [])
    _run, events = house.client.start(plan)
    assert list(events)[-1].state == "ok"
    assert house.client.ask("audit", verify=True)["problems"] == []


def test_where_the_audit_has_no_place_nothing_begins(house: House) -> None:
    plan = planned(house)
    house.paths.audit.parent.write_text("a file in the directory's place")
    with pytest.raises(NocError) as refused:
        house.client.start(plan)
    assert (refused.value.code, refused.value.exit_code, run_ids(house.paths.runs)) == ("E525", 7, [])


def written(directory: Path, by: str = "james") -> tuple[Path, Anchor]:
    """An audit of four lines, and a note of its head, as the second place and a briefing have it."""
    path = directory / "audit.jsonl"
    with closing(Audit(path)) as audit:
        for what in ("deploy virginia", "deploy frankfurt"):
            with audit.acting(what, by):
                pass
        return path, Anchor(**audit.place, source="the note")


def another() -> Lines:
    """A whole audit in which somebody else did it all."""
    with TemporaryDirectory() as directory:
        path, _ = written(Path(directory), by="johan")
        return path.read_bytes().splitlines(keepends=True)


@pytest.fixture
def noted(tmp_path: Path) -> tuple[Path, Anchor]:
    return written(tmp_path)


@pytest.mark.parametrize(
    ("touch", "named"),
    [
        (lambda lines: [*lines[:2], lines[2].replace(b"james", b"johan"), lines[3]], "entry 4"),
        (lambda lines: [lines[0], lines[2], lines[1], lines[3]], "entry 2"),
        (lambda lines: [lines[0], *lines[2:]], "entry 2"),
        (lambda lines: lines[:2], "the note saw entry 4, but the audit ends at 2"),
        (lambda lines: [], "the note saw entry 4, but the audit ends at 0"),
        (lambda _: another(), "the note saw another entry 4 than the audit has"),
    ],
    ids=["edited", "reordered", "taken out", "cut off", "emptied", "written anew"],
)
def test_what_was_done_to_it_is_named(noted: tuple[Path, Anchor], touch: Callable[[Lines], Lines], named: str) -> None:
    path, head = noted
    assert verify(path, [head]).problems == ()
    path.write_bytes(b"".join(touch(path.read_bytes().splitlines(keepends=True))))
    problems = verify(path, [head]).problems
    assert any(named in problem for problem in problems), problems


def test_a_note_from_elsewhere_is_held_against_it_at_the_door(house: House) -> None:
    house.let_go()
    list(house.client.start(planned(house))[1])
    last = house.client.ask("audit", verify=True)["last"]
    later = [last["seq"] + 1, "f" * 64, "the briefing"]
    assert house.client.ask("audit", verify=True, heads=[[last["seq"], last["hash"], "the briefing"]])["problems"] == []
    (problem,) = house.client.ask("audit", verify=True, heads=[later])["problems"]
    assert "the briefing saw entry" in problem
