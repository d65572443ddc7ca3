"""The activator as it lies on a node, with real releases, real signatures and a real service."""

import fcntl
import json
import os
import sqlite3
import threading
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from node_tree import Tree, wait_until


def verdict_file(tree: Tree, run: str) -> dict[str, object]:
    said: dict[str, object] = json.loads((tree.root / f"var/lib/noc-node/verdicts/{run}.json").read_text())
    return said


def test_a_confirmed_release_runs_and_is_proven(tree: Tree) -> None:
    sha = tree.release(1)
    verdict = tree.prove(sha, "r1")
    assert (verdict["state"], verdict["old"], verdict["new"]) == ("confirmed", None, sha)
    assert verdict["health"]["version"] == "1.1.0"
    facts = tree.ask("facts")[1]
    assert (facts["current"], facts["proven"], facts["pending"], facts["version"]) == (sha, [sha], None, "1.1.0")


def test_a_second_release_replaces_the_first_in_a_new_process(tree: Tree) -> None:
    first, second = tree.release(1), tree.release(2)
    before = tree.prove(first, "r1")["health"]["boot_id"]
    verdict = tree.prove(second, "r2")
    assert (verdict["state"], verdict["old"]) == ("confirmed", first)
    assert verdict["health"]["boot_id"] != before


@pytest.mark.parametrize(
    ("behaviour", "why"),
    [
        ("crash", "ended with status 3"),
        ("sick", "not healthy within 1 s: it answers 500"),
        ("old-version", "it answers as version 1.0.0 build 1, not as version 1.2.0 build 2"),
    ],
)
def test_a_bad_release_is_rolled_back_and_the_old_one_proven(tree: Tree, behaviour: str, why: str) -> None:
    good, bad = tree.release(1), tree.release(2, behaviour)
    tree.prove(good, "r1")
    assert tree.start(bad, "r2", health=1)["ok"]
    verdict = tree.reach("r2", "rolled-back")
    assert why in verdict["reason"]
    assert verdict["health"]["version"] == "1.1.0"
    assert tree.current == good
    assert tree.ask("facts")[1]["proven"] == [good]


@pytest.mark.parametrize(
    ("behaviour", "why"), [("crash-after-0.7", "killed by SIGKILL"), ("falls-ill", "fell ill while HQ was looking")]
)
def test_a_release_that_fails_while_hq_looks_is_rolled_back(tree: Tree, behaviour: str, why: str) -> None:
    good, bad = tree.release(1), tree.release(2, behaviour)
    tree.prove(good, "r1")
    tree.start(bad, "r2")
    tree.reach("r2", "activated")
    verdict = tree.reach("r2", "rolled-back")
    assert why in verdict["reason"]
    assert tree.current == good


def test_without_a_confirmation_the_old_release_returns(tree: Tree) -> None:
    good, other = tree.release(1), tree.release(2)
    tree.prove(good, "r1")
    tree.start(other, "r2", confirm=0.5)
    assert "HQ did not confirm within 0.5 s" in tree.reach("r2", "rolled-back")["reason"]
    assert tree.current == good


def test_hq_may_take_a_release_back(tree: Tree) -> None:
    good, other = tree.release(1), tree.release(2)
    tree.prove(good, "r1")
    tree.start(other, "r2")
    tree.reach("r2", "activated")
    status, verdict = tree.ask("revert", "r2", "--reason", "no heartbeat came")
    assert (status, verdict["state"]) == (0, "rolled-back")
    assert "no heartbeat came" in verdict["reason"]


def test_a_confirmation_after_the_rollback_changes_nothing(tree: Tree) -> None:
    good, other = tree.release(1), tree.release(2)
    tree.prove(good, "r1")
    tree.start(other, "r2", confirm=0.3)
    tree.reach("r2", "rolled-back")
    status, verdict = tree.ask("confirm", "r2")
    assert (status, verdict["state"], tree.current) == (1, "rolled-back", good)


def test_a_first_release_that_fails_leaves_no_release(tree: Tree) -> None:
    bad = tree.release(1, "crash")
    tree.start(bad, "r1")
    verdict = tree.reach("r1", "rolled-back")
    assert (verdict["old"], tree.current) == (None, None)


def test_an_old_release_that_is_broken_as_well_is_told_as_such(tree: Tree) -> None:
    good, bad = tree.release(1), tree.release(2, "crash")
    tree.prove(good, "r1")
    (tree.root / "opt/clavitor/releases" / good / "clavitor.pyz").write_text("raise SystemExit(9)\n")
    tree.start(bad, "r2", health=1)
    verdict = tree.reach("r2", "rollback-failed")
    assert "status 3; then what was before: the process ended with status 9" in verdict["reason"]


def test_the_verdict_holds_the_last_lines_without_control_characters(tree: Tree) -> None:
    tree.prove(tree.release(1), "r1")
    tree.start(tree.release(2, "crash"), "r2")
    log = tree.reach("r2", "rolled-back")["log"]
    assert any("cannot start:  [31mno reason [0m" in line for line in log)


def test_a_run_that_the_node_does_not_know_has_no_verdict(tree: Tree) -> None:
    status, said = tree.ask("status", "nothing")
    assert (status, said["code"]) == (1, "unknown")


def test_a_lower_fence_is_refused_and_an_equal_one_is_not(tree: Tree) -> None:
    sha = tree.release(1)
    tree.prove(sha, "r7", fence=7)
    said = tree.start(tree.release(2), "r6", fence=6)
    assert (said["ok"], said["code"]) == (False, "fence")
    assert tree.prove(tree.release(2), "r7b", fence=7)["state"] == "confirmed"


def test_an_order_waits_for_the_one_before_to_tidy_up(tree: Tree) -> None:
    tree.prove(tree.release(1), "r1")
    wait_until(lambda: tree.acting() is None)
    lock = (tree.root / "var/lib/noc-node/lock").open("ab")
    fcntl.flock(lock, fcntl.LOCK_EX)
    threading.Timer(0.5, lock.close).start()
    assert tree.start(tree.release(2), "r2")["ok"]
    tree.reach("r2", "activated")


def test_a_second_activation_meanwhile_is_refused(tree: Tree) -> None:
    tree.prove(tree.release(1), "r1")
    tree.start(tree.release(2), "r2")
    tree.reach("r2", "activated")
    assert tree.start(tree.release(3), "r3")["code"] == "busy"
    assert tree.ask("confirm", "r2")[1]["state"] == "confirmed"


def test_without_room_for_the_snapshot_nothing_begins(tree: Tree) -> None:
    good = tree.release(1)
    tree.prove(good, "r1")
    tree.write_layout(reserve=1 << 60)
    said = tree.start(tree.release(2), "r2")
    assert (said["ok"], said["code"], tree.current) == (False, "disk", good)


def test_the_database_is_copied_before_the_change(tree: Tree) -> None:
    with closing(sqlite3.connect(tree.root / "var/lib/clavitor/clavitor.db")) as database:
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("CREATE TABLE entries AS SELECT 'kept' AS value")
        database.commit()
        tree.prove(tree.release(1), "r1")
    with closing(sqlite3.connect(tree.root / "var/lib/noc-node/snapshots/1.db")) as copy:
        assert copy.execute("SELECT value FROM entries").fetchall() == [("kept",)]


def test_an_activator_that_is_killed_is_recovered(tree: Tree) -> None:
    good, other = tree.release(1), tree.release(2)
    tree.prove(good, "r1")
    tree.start(other, "r2")
    tree.reach("r2", "activated")
    os.kill(tree.acting() or 0, 9)
    verdict = tree.call("recover", "r2")[1]
    assert (verdict["state"], tree.current) == ("rolled-back", good)


def test_an_activator_that_is_killed_while_it_waits_for_health_is_recovered(tree: Tree) -> None:
    good = tree.release(1)
    tree.prove(good, "r1")
    tree.start(tree.release(2, "silent"), "r2")
    wait_until(lambda: tree.current != good)
    tree.kill_acting()
    assert (tree.call("recover", "r2")[1]["state"], tree.current) == ("rolled-back", good)


def test_an_activator_that_is_killed_in_the_rollback_is_recovered_with_the_first_reason(tree: Tree) -> None:
    good = tree.release(1, "slow-again")
    tree.prove(good, "r1")
    tree.start(tree.release(2, "crash"), "r2")
    wait_until(lambda: tree.current != good)
    wait_until(lambda: tree.current == good)
    tree.kill_acting()
    verdict = tree.call("recover", "r2")[1]
    assert (verdict["state"], verdict["reason"]) == ("rolled-back", "the process ended with status 3")


def test_a_service_that_never_answers_has_the_whole_deadline(tree: Tree) -> None:
    tree.prove(tree.release(1), "r1")
    tree.start(tree.release(2, "silent"), "r2", health=2.5)
    assert "not healthy within 2.5 s" in tree.reach("r2", "rolled-back")["reason"]


@pytest.mark.parametrize("behaviour", ["sick", "old-version"])
def test_a_service_that_answers_wrongly_has_not(tree: Tree, behaviour: str) -> None:
    tree.prove(tree.release(1), "r1")
    tree.start(tree.release(2, behaviour), "r2", health=600)
    assert tree.reach("r2", "rolled-back")["reason"].startswith("sick since its first answer: it answers")


_CLOCK = """
import datetime, sys
class Shifted(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return super().now(tz) + datetime.timedelta(hours={hours})
datetime.datetime = Shifted
"""


@pytest.mark.parametrize("hours", [-1, 1])
def test_a_clock_that_is_an_hour_off_and_set_right_in_between_changes_nothing(tree: Tree, hours: int) -> None:
    launcher = tree.base / "programs/activator.py"
    right = launcher.read_text()
    launcher.write_text(_CLOCK.format(hours=hours) + right)
    good = tree.release(1)
    assert tree.prove(good, "r1")["state"] == "confirmed"
    tree.start(tree.release(2), "r2", confirm=60)
    at = tree.reach("r2", "activated")["at"]
    assert abs(datetime.fromisoformat(at) - datetime.now(UTC)) > timedelta(minutes=50)
    launcher.write_text(right)
    assert tree.ask("revert", "r2")[1]["state"] == "rolled-back"
    assert tree.prove(tree.release(3), "r3")["state"] == "confirmed"


def test_a_killed_activator_does_not_block_the_next_run(tree: Tree) -> None:
    tree.prove(tree.release(1), "r1")
    tree.start(tree.release(2), "r2")
    tree.reach("r2", "activated")
    os.kill(tree.acting() or 0, 9)
    wait_until(lambda: tree.acting() is None)
    assert tree.prove(tree.release(3), "r3")["state"] == "confirmed"
    assert verdict_file(tree, "r2")["state"] == "rolled-back"


def test_a_reboot_between_flip_and_confirmation_turns_back(tree: Tree) -> None:
    good, other = tree.release(1), tree.release(2)
    tree.prove(good, "r1")
    tree.start(other, "r2")
    tree.reach("r2", "activated")
    os.kill(tree.acting() or 0, 9)
    wait_until(lambda: tree.acting() is None)
    assert tree.call("settle")[1] == {"ok": True, "settled": "r2"}
    assert tree.current == good
    assert "restarted before HQ had confirmed" in tree.reach("r2", "rolled-back")["reason"]


def test_a_confirmation_that_was_given_before_the_reboot_counts(tree: Tree) -> None:
    other = tree.release(2)
    tree.prove(tree.release(1), "r1")
    tree.start(other, "r2")
    tree.reach("r2", "activated")
    os.kill(tree.acting() or 0, 9)
    wait_until(lambda: tree.acting() is None)
    (tree.root / "var/lib/noc-node/answers/r2.json").parent.mkdir(exist_ok=True)
    (tree.root / "var/lib/noc-node/answers/r2.json").write_text('{"answer": "confirm"}')
    tree.call("settle")
    assert (verdict_file(tree, "r2")["state"], tree.current) == ("confirmed", other)


def abandon(tree: Tree, run: str, state: str) -> str:
    """Leave a run behind as a power cut does before anything was changed."""
    sha = tree.release(9)
    verdict: dict[str, Any] = {
        "run": run,
        "state": state,
        "old": tree.current,
        "new": sha,
        "reason": "",
        "log": [],
        "health": {},
    }
    order: dict[str, Any] = {
        "run": run,
        "fence": 1,
        "release": sha,
        "config": None,
        "confirm_within": 5,
        "health_within": 5,
        "go_within": 5,
    }
    for folder, document in (("verdicts", verdict), ("orders", order)):
        (tree.root / f"var/lib/noc-node/{folder}/{run}.json").write_text(json.dumps(document))
    return sha


@pytest.mark.parametrize("state", ["staged", "activating"])
@pytest.mark.parametrize("verb", ["revert", "recover"])
def test_a_run_that_ended_before_it_changed_anything_is_refused_at_once(tree: Tree, state: str, verb: str) -> None:
    good = tree.release(1)
    tree.prove(good, "r1")
    abandon(tree, "r2", state)
    verdict = tree.call(verb, "r2")[1]
    assert (verdict["state"], tree.current) == ("refused", good)
    assert "before it had changed anything" in verdict["reason"]


def test_hq_s_no_finishes_an_activation_whose_process_is_gone(tree: Tree) -> None:
    good, other = tree.release(1), tree.release(2)
    tree.prove(good, "r1")
    tree.start(other, "r2")
    tree.reach("r2", "activated")
    os.kill(tree.acting() or 0, 9)
    wait_until(lambda: tree.acting() is None)
    assert tree.call("revert", "r2", "--reason", "the run was cut")[1]["state"] == "rolled-back"
    assert tree.current == good


def test_an_activation_that_hq_took_back_before_it_began_does_not_begin(tree: Tree) -> None:
    good = tree.release(1)
    tree.prove(good, "r1")
    abandon(tree, "r2", "staged")
    tree.call("revert", "r2")
    assert tree.call("act", "r2")[1]["state"] == "refused"
    assert tree.current == good


def test_what_cannot_be_begun_has_a_verdict_that_says_so(tree: Tree) -> None:
    good = tree.release(1)
    tree.prove(good, "r1")
    (tree.root / "var/lib/noc-node/pending.json.new").mkdir()
    tree.start(tree.release(2), "r2")
    assert "system: IsADirectoryError" in tree.reach("r2", "refused")["reason"]
    assert tree.current == good


def test_an_answer_that_trickles_is_no_answer(tree: Tree) -> None:
    good = tree.release(1)
    tree.prove(good, "r1")
    tree.start(tree.release(2, "trickles"), "r2", health=1)
    assert "not healthy within 1 s" in tree.reach("r2", "rolled-back")["reason"]
    assert tree.current == good


def test_a_signal_without_a_name_is_told_by_its_number(tree: Tree) -> None:
    good = tree.release(1)
    tree.prove(good, "r1")
    tree.start(tree.release(2, "dies-nameless"), "r2")
    assert "killed by signal 40" in tree.reach("r2", "rolled-back")["reason"]


def test_settle_leaves_an_activation_alone_that_is_under_way(tree: Tree) -> None:
    tree.prove(tree.release(1), "r1")
    other = tree.release(2)
    tree.start(other, "r2")
    tree.reach("r2", "activated")
    assert tree.call("settle")[1]["code"] == "busy"
    assert tree.current == other


def test_settle_has_nothing_to_do_on_a_quiet_node(tree: Tree) -> None:
    assert tree.call("settle") == (0, {"ok": True, "settled": None})


def test_only_the_newest_releases_stay_on_the_node(tree: Tree) -> None:
    proven = [tree.release(build) for build in (1, 2, 3)]
    for build, sha in enumerate(proven):
        tree.prove(sha, f"r{build}")
    staged = [tree.release(build) for build in (4, 5, 6)]
    tree.prove(proven[2], "again")
    tree.prove(proven[1], "back")
    releases = tree.root / "opt/clavitor/releases"
    wait_until(lambda: {path.name for path in releases.iterdir()} == {*proven[1:], *staged})


@pytest.mark.parametrize("argument", ["../../etc", "ABC", "", "0" * 63])
def test_what_is_no_hash_is_a_usage_error(tree: Tree, argument: str, capfd: pytest.CaptureFixture[str]) -> None:
    import subprocess
    import sys

    program = [sys.executable, str(Path(tree.base) / "programs/activator.py"), "verify", argument]
    assert subprocess.run(program, check=False, capture_output=True).returncode == 2
