import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noc.errors import NotPermitted
from noc.runs.record.anchors import Anchor, anchors_of, verify
from noc.runs.record.audit import CUT, MAX_ANSWER, Audit
from noc.runs.record.chain import GENESIS
from noc.runs.record.entries import MAX_ENTRY, Kind, read_entries
from noc.runs.record.errors import AuditBroken, AuditUnwritable
from noc.runs.record.events import State
from noc.runs.record.journal import Journal


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "audit" / "audit.jsonl"


def lines(path: Path) -> list[tuple[Kind, str, int | None, str]]:
    return [(entry.kind, entry.what, entry.of, entry.result) for _, entry in read_entries(path)]


def written(path: Path, runs: int = 2) -> Path:
    audit = Audit(path)
    for number in range(runs):
        with audit.acting(f"run {number}", "james"):
            pass
    audit.close()
    return path


def test_the_intent_is_on_the_disk_before_the_act_and_its_outcome_after_it(path: Path) -> None:
    audit = Audit(path)
    intent = audit.intend("deploy", "james", digest="ab")
    assert lines(path) == [(Kind.INTENT, "deploy", None, "")]
    audit.outcome(intent, "ok", run="r")
    assert lines(path)[1:] == [(Kind.OUTCOME, "deploy", 1, "ok")]
    audit.close()


def test_only_the_runner_may_read_it(path: Path) -> None:
    written(path)
    assert (path.parent.stat().st_mode & 0o777, path.stat().st_mode & 0o777) == (0o700, 0o600)


def test_an_act_that_fails_is_written_down_with_its_cause(path: Path) -> None:
    audit = Audit(path)
    with pytest.raises(NotPermitted), audit.acting("approve", "james"):
        raise NotPermitted("not you")
    with pytest.raises(ZeroDivisionError), audit.acting("approve", "james"):
        _ = 1 / 0
    errors = [entry.detail["error"] for entry in audit.entries() if entry.kind is Kind.OUTCOME]
    assert errors[0]["what"] == "not you"
    assert "ZeroDivisionError" in errors[1]
    audit.close()


def test_a_refusal_is_written_down_and_goes_on(path: Path) -> None:
    audit = Audit(path)
    with pytest.raises(NotPermitted), audit.refusals("deploy", "mallory", digest="ab"):
        raise NotPermitted("not you")
    (entry,) = audit.entries()
    assert (entry.kind, entry.by, entry.detail["digest"]) == (Kind.REFUSAL, "mallory", "ab")
    audit.close()


def test_an_outcome_belongs_to_one_open_intent(path: Path) -> None:
    audit = Audit(path)
    intent = audit.intend("deploy", "james")
    audit.outcome(intent, "ok")
    with pytest.raises(KeyError):
        audit.outcome(intent, "ok")
    audit.close()


def test_an_intent_that_a_cut_runner_left_gets_an_outcome_at_the_next_start(path: Path) -> None:
    audit = Audit(path)
    audit.intend("deploy", "james")
    audit.close()
    again = Audit(path)
    assert [entry.what for entry in again.open()] == ["deploy"]
    assert again.open() == []
    again.close()
    assert lines(path)[-1] == (Kind.OUTCOME, "deploy", 1, CUT)
    assert verify(path).problems == ()


def test_a_power_cut_at_any_byte_of_the_last_entry_loses_that_entry_alone(path: Path) -> None:
    whole = written(path).read_bytes()
    begun = whole[:-1].rfind(b"\n") + 1
    for end in range(begun, len(whole)):
        path.write_bytes(whole[:end])
        audit = Audit(path)
        audit.open()
        audit.close()
        assert [result for *_, result in lines(path)] == ["", "ok", "", CUT]


@pytest.mark.parametrize(
    "damage",
    [
        lambda found: found[1:],
        lambda found: [found[0], *found[2:]],
        lambda found: [found[0].replace(b"james", b"jemas"), *found[1:]],
        lambda found: [b"not json", *found[1:]],
        lambda found: [b"[" * 5000, *found[1:]],
        lambda found: [b"{}", *found[1:]],
        lambda found: [b"x" * (MAX_ENTRY + 2), *found[1:]],
    ],
    ids=["first missing", "one missing", "changed", "no JSON", "deep JSON", "empty", "too long"],
)
def test_an_audit_that_was_touched_lets_nothing_begin(path: Path, damage: Callable[[list[bytes]], list[bytes]]) -> None:
    written(path)
    path.write_bytes(b"\n".join(damage(path.read_bytes().splitlines())) + b"\n")
    touched = path.read_bytes()
    audit = Audit(path)
    for _ in range(2):
        with pytest.raises(AuditBroken, match=r"mv .*audit\.jsonl"):
            audit.intend("deploy", "james")
    assert verify(path).problems
    assert path.read_bytes() == touched


def test_a_new_audit_begins_where_the_broken_one_was_moved_aside(path: Path) -> None:
    written(path).rename(path.with_suffix(".broken"))
    audit = Audit(path)
    assert audit.intend("deploy", "james") == 1
    audit.close()


def test_a_new_audit_has_nothing_of_the_broken_one_that_the_same_runner_had_read(path: Path) -> None:
    whole = written(path).read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*whole[:3], b"not json\n"]))
    audit = Audit(path)
    with pytest.raises(AuditBroken):
        audit.open()
    path.rename(path.with_suffix(".broken"))
    with audit.acting("deploy", "james"):
        pass
    audit.close()
    assert lines(path) == [(Kind.INTENT, "deploy", None, ""), (Kind.OUTCOME, "deploy", 1, "ok")]


def test_what_cannot_be_written_down_is_not_done(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    audit = Audit(path)
    audit.open()
    with monkeypatch.context() as full:
        full.setattr("os.fsync", refuse)
        with pytest.raises(AuditUnwritable, match="No space left"):
            audit.intend("deploy", "james")
        with pytest.raises(NotPermitted), audit.refusals("deploy", "mallory"):
            raise NotPermitted("still the cause that a person hears")
    assert audit.intend("deploy", "james") == 1
    audit.close()
    assert len(lines(path)) == 1


def refuse(_file: int) -> None:
    raise OSError(28, "No space left on device")


def test_a_directory_that_cannot_be_made_is_a_refusal(tmp_path: Path) -> None:
    (tmp_path / "audit").write_text("")
    with pytest.raises(AuditUnwritable):
        Audit(tmp_path / "audit" / "audit.jsonl").intend("deploy", "james")


HOSTILE = st.recursive(
    st.text() | st.integers() | st.none(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
)


@given(what=st.text(max_size=5000), by=st.text(max_size=5000), detail=HOSTILE)
def test_whatever_is_written_can_be_read_again(
    tmp_path_factory: pytest.TempPathFactory, what: str, by: str, detail: Any
) -> None:
    path = tmp_path_factory.mktemp("audit") / "audit.jsonl"
    audit = Audit(path)
    audit.outcome(audit.intend(what, by, said=detail), what)
    audit.close()
    assert verify(path).problems == ()
    assert all(len(line) <= MAX_ENTRY for line in path.read_bytes().splitlines())


def test_a_detail_that_is_too_large_is_left_out(path: Path) -> None:
    audit = Audit(path)
    audit.intend("é" * 5000, "é" * 5000, said=["x" * 2000] * 10)
    audit.close()
    ((_, entry),) = read_entries(path)
    assert list(entry.detail) == ["omitted_bytes"]


def test_entries_are_given_from_memory_and_from_the_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("noc.runs.record.audit._KEPT", 4)
    audit = Audit(path)
    for number in range(10):
        audit.intend(f"act {number}", "james")
    assert [entry.seq for entry in audit.entries(limit=2)] == [9, 10]
    assert [entry.seq for entry in audit.entries(after=8)] == [9, 10]
    assert [entry.seq for entry in audit.entries(after=1, limit=3)] == [2, 3, 4]
    assert audit.entries(after=10) == []
    audit.close()


def test_an_answer_is_bounded(path: Path) -> None:
    audit = Audit(path)
    for _ in range(MAX_ANSWER + 5):
        audit.intend("act", "james")
    assert len(audit.entries(limit=10**9)) == MAX_ANSWER
    audit.close()


def test_a_tail_that_was_cut_off_is_seen_by_who_noted_a_place_in_it(path: Path) -> None:
    audit = Audit(path)
    audit.intend("deploy", "james")
    early = Anchor(**audit.place, source="run 1")
    audit.intend("deploy", "anna")
    late = Anchor(**audit.place, source="run 2")
    audit.close()
    assert verify(path, [late, early]).problems == ()
    path.write_bytes(path.read_bytes().splitlines(keepends=True)[0])
    assert verify(path, [late, early]).problems == ("run 2 saw entry 2, but the audit ends at 1",)


def test_an_audit_that_was_written_anew_is_seen_by_who_noted_a_place(path: Path) -> None:
    audit = Audit(path)
    audit.intend("deploy", "james")
    noted = Anchor(**audit.place, source="run 1")
    audit.close()
    path.unlink()
    assert verify(path, [noted]).problems == ("run 1 saw entry 1, but the audit ends at 0",)
    written(path)
    assert verify(path, [noted]).problems == ("run 1 saw another entry 1 than the audit has",)


def test_the_place_before_the_first_entry_is_one_too(path: Path) -> None:
    assert Audit(path).place == {"seq": 0, "hash": GENESIS}
    assert verify(path, [Anchor(0, GENESIS)]).problems == ()
    assert verify(path, [Anchor(0, "f" * 64, "a note")]).problems != ()


def test_every_journal_names_the_place_that_it_began_at(tmp_path: Path) -> None:
    place = {"seq": 3, "hash": "a" * 64}
    for number, detail in enumerate(({"audit": place}, {}), 1):
        journal = Journal.create(tmp_path, f"20260301T12000000{number}-00ff")
        journal.append("run", State.STARTED, detail=detail)
        journal.close()
    Journal.create(tmp_path, "20260301T120000003-00ff").close()
    assert anchors_of(tmp_path) == [Anchor(3, "a" * 64, "run 20260301T120000001-00ff")]


@pytest.mark.parametrize("calls", range(1, 7))
def test_killed_at_any_sync_no_act_is_without_its_intent(path: Path, tmp_path: Path, calls: int) -> None:
    """Two acts, each a line in a file of its own: kill -9 before or after any of the six syncs."""
    acts = tmp_path / "acts"
    child = os.fork()
    if child == 0:
        _act_until_killed(path, acts, calls)
    _, status = os.waitpid(child, 0)
    assert os.WTERMSIG(status) == signal.SIGKILL
    done = acts.read_text().split() if acts.exists() else []
    audit = Audit(path)
    audit.open()
    audit.close()
    intents = [what for kind, what, *_ in lines(path) if kind is Kind.INTENT]
    outcomes = [of for kind, _, of, _ in lines(path) if kind is Kind.OUTCOME]
    assert set(done) <= set(intents)
    assert len(outcomes) == len(intents)
    assert verify(path).problems == ()


def _act_until_killed(path: Path, acts: Path, calls: int) -> None:
    real, left = os.fsync, calls

    def counted(fd: Any) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        real(fd)

    os.fsync = counted
    audit = Audit(path)
    for name in ("one", "two"):
        with audit.acting(name, "james"), acts.open("a") as file:
            file.write(f"{name}\n")
    os.kill(os.getpid(), signal.SIGKILL)
