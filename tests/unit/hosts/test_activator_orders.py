"""Orders that wait for their go, and the fence that ends those of a holder who came too late."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from node_tree import Tree, wait_until


@pytest.fixture
def armed(tree: Tree) -> tuple[Tree, str, str]:
    """A node whose next release waits for its go: the tree, the old release, the new one."""
    good, other = tree.release(1), tree.release(2)
    tree.prove(good, "r1")
    assert tree.arm(other, "r2") == {"ok": True, "run": "r2", "fence": 1}
    return tree, good, other


def test_what_is_armed_has_changed_nothing(armed: tuple[Tree, str, str]) -> None:
    tree, good, _ = armed
    assert (tree.current, tree.ask("status", "r2")[1]["state"]) == (good, "armed")
    assert tree.ask("facts")[1]["pending"] is None


def test_at_its_go_it_begins(armed: tuple[Tree, str, str]) -> None:
    tree, _, other = armed
    assert tree.ask("go", "r2")[0] == 0
    assert tree.reach("r2", "activated")["restart_s"] > 0
    assert (tree.ask("confirm", "r2")[1]["state"], tree.current) == ("confirmed", other)


def test_a_second_go_does_no_harm(armed: tuple[Tree, str, str]) -> None:
    tree, _, _ = armed
    tree.ask("go", "r2")
    tree.reach("r2", "activated")
    assert tree.ask("go", "r2") == (0, {"ok": True, "run": "r2", "state": "activated"})


def test_without_a_go_in_time_it_ends_as_refused(tree: Tree) -> None:
    good = tree.release(1)
    tree.prove(good, "r1")
    tree.arm(tree.release(2), "r2", "--go-within", "0.2")
    assert tree.reach("r2", "refused")["reason"] == "late: HQ did not say go within 0.2 s"
    assert tree.current == good
    assert tree.ask("go", "r2")[1]["code"] == "late"


def test_what_is_armed_may_be_taken_back(armed: tuple[Tree, str, str]) -> None:
    tree, good, _ = armed
    assert tree.ask("revert", "r2")[1]["state"] == "refused"
    assert tree.current == good


def test_a_release_that_may_not_run_is_refused_before_it_is_armed(tree: Tree) -> None:
    tree.prove(tree.release(1), "r1")
    said = tree.arm(tree.release(2, signer=tree.stranger), "r2")
    assert (said["ok"], said["code"]) == (False, "untrusted")


def test_a_younger_fence_ends_what_is_armed(armed: tuple[Tree, str, str]) -> None:
    tree, good, _ = armed
    assert tree.ask("fence", "2")[1]["fence"] == 2
    assert tree.reach("r2", "refused")["reason"].startswith("fence: a run with fence 2 has acted here since")
    assert tree.current == good


def test_a_go_that_comes_with_a_younger_fence_is_not_followed(armed: tuple[Tree, str, str]) -> None:
    tree, good, _ = armed
    state = tree.root / "var/lib/noc-node"
    (state / "fence").write_text("2")
    tree.ask("go", "r2")
    assert tree.reach("r2", "refused")["reason"].startswith("fence: ")
    assert tree.current == good


def test_a_fence_only_rises(tree: Tree) -> None:
    tree.ask("fence", "5")
    assert tree.ask("fence", "4")[1]["code"] == "fence"
    assert tree.ask("fence", "5")[1]["fence"] == 5


def test_while_one_order_is_armed_another_is_refused(armed: tuple[Tree, str, str]) -> None:
    assert armed[0].arm(armed[0].release(3), "r3")["code"] == "busy"


def test_an_armed_process_that_is_killed_leaves_the_run_refused(armed: tuple[Tree, str, str]) -> None:
    tree, good, _ = armed
    tree.kill_acting()
    assert tree.call("recover", "r2")[1]["state"] == "refused"
    assert tree.current == good


def test_a_go_that_nobody_can_hear_any_more_is_refused(armed: tuple[Tree, str, str]) -> None:
    tree, good, _ = armed
    tree.kill_acting()
    said = tree.ask("go", "r2")[1]
    assert (said["code"], tree.current) == ("ended", good)
    assert "before it had changed anything" in said["why"]


def test_a_reboot_while_armed_changes_nothing(armed: tuple[Tree, str, str]) -> None:
    tree, good, _ = armed
    tree.kill_acting()
    assert tree.call("settle")[1] == {"ok": True, "settled": None}
    assert (tree.current, tree.ask("go", "r2")[1]["code"]) == (good, "ended")


def test_a_run_may_be_armed_again_after_it_was_refused(armed: tuple[Tree, str, str]) -> None:
    tree, _, other = armed
    tree.ask("revert", "r2")
    assert tree.prove(other, "r2")["state"] == "confirmed"


def test_without_a_release_the_running_one_is_restarted(tree: Tree) -> None:
    good = tree.release(1)
    before = tree.prove(good, "r1")["health"]["boot_id"]
    verdict = tree.prove(None, "r2")
    assert (verdict["state"], verdict["old"], verdict["new"]) == ("confirmed", good, good)
    assert verdict["health"]["boot_id"] != before


def test_a_node_without_a_release_needs_one(tree: Tree) -> None:
    assert tree.arm(None, "r1")["code"] == "missing"


class Conversation:
    """A session of HQ, as it runs on the node."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process
        self.number = 0

    def send(self, verb: str, *arguments: str) -> int:
        self.number += 1
        assert self.process.stdin
        self.process.stdin.write(json.dumps({"id": self.number, "verb": verb, "args": arguments}) + "\n")
        self.process.stdin.flush()
        return self.number

    def hear(self) -> dict[str, Any]:
        assert self.process.stdout
        said: dict[str, Any] = json.loads(self.process.stdout.readline())
        return said

    def ask(self, verb: str, *arguments: str) -> dict[str, Any]:
        number = self.send(verb, *arguments)
        said = self.hear()
        assert said["id"] == number
        return dict(said["answer"])


@contextmanager
def session(tree: Tree) -> Iterator[Conversation]:
    program = [sys.executable, str(tree.base / "programs/activator.py"), "--layout", str(tree.base / "layout.json")]
    with subprocess.Popen([*program, "serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield Conversation(process)


def test_a_wait_does_not_hold_up_other_questions(armed: tuple[Tree, str, str]) -> None:
    tree, _, _ = armed
    with session(tree) as hq:
        waiting = hq.send("status", "r2", "--wait", "30", "--not", "armed")
        assert hq.ask("fence", "1")["fence"] == 1
        hq.send("go", "r2")
        assert {hq.hear()["id"], hq.hear()["id"]} == {waiting, hq.number}


@pytest.mark.parametrize("verb", ["go", "confirm", "revert"])
def test_a_session_whose_fence_is_behind_changes_nothing_more(tree: Tree, verb: str) -> None:
    tree.prove(tree.release(1), "r1")
    with session(tree) as sleeper:
        assert sleeper.ask("fence", "3")["fence"] == 3
        sleeper.ask("start", tree.release(2), "--run", "r2", "--fence", "3", "--confirm-within", "20")
        tree.reach("r2", "activated")
        tree.ask("fence", "4")
        assert sleeper.ask(verb, "r2")["code"] == "fence"
    assert tree.ask("status", "r2")[1]["state"] == "activated"


def test_another_session_confirms_what_the_first_began(tree: Tree) -> None:
    tree.prove(tree.release(1), "r1")
    tree.start(tree.release(2), "r2", fence=3)
    tree.reach("r2", "activated")
    with session(tree) as hq:
        hq.ask("fence", "4")
        assert hq.ask("confirm", "r2")["state"] == "confirmed"


def test_a_session_ends_with_its_input(tree: Tree) -> None:
    with session(tree) as hq:
        assert hq.ask("facts")["current"] is None
        hq.send("status", "nothing")
        assert hq.process.stdin
        hq.process.stdin.close()
        wait_until(lambda: hq.process.poll() == 0)


@pytest.mark.parametrize("line", ["what?", '{"id": 1}', "[]", '{"id": 1, "verb": "facts", "args": 7}'])
def test_what_is_no_question_is_told_as_such(tree: Tree, line: str) -> None:
    with session(tree) as hq:
        assert hq.process.stdin
        hq.process.stdin.write(line + "\n")
        hq.process.stdin.flush()
        assert hq.hear() == {"id": None, "status": 2, "answer": {"ok": False, "code": "usage", "why": "not a question"}}


def test_a_question_with_a_mistake_is_answered(tree: Tree) -> None:
    with session(tree) as hq:
        assert hq.ask("verify", "no-hash")["code"] == "usage"


def test_a_line_without_an_end_ends_the_session(tree: Tree) -> None:
    program = [sys.executable, str(tree.base / "programs/activator.py"), "serve"]
    done = subprocess.run(program, input=b"x" * 4_000_000, capture_output=True, timeout=20, check=True)
    assert done.stdout == b""
