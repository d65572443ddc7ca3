"""Requirement 8: a holder of the lease that slept beyond its expiry is fenced off, by itself and by the nodes."""

import os
import signal

from node_tree import Tree
from unit.runs.test_lease_processes import TTL_S, Begin


def fence_of(said: str) -> int:
    return int(said.removeprefix("fence "))


def test_the_one_that_slept_changes_no_node_any_more(begin: Begin, tree: Tree) -> None:
    good, other = tree.release(1), tree.release(2)
    tree.prove(good, "r0", fence=0)
    sleeper = begin("A", ttl_s=TTL_S)
    stale = fence_of(sleeper.hear())
    assert tree.ask("fence", str(stale))[1]["fence"] == stale
    os.kill(sleeper.process.pid, signal.SIGSTOP)
    successor = begin("B", wait_s=60)
    young = fence_of(successor.hear())
    assert tree.ask("fence", str(young))[1]["fence"] == young > stale
    os.kill(sleeper.process.pid, signal.SIGCONT)
    assert sleeper.ask("check").startswith("lost E542 ")
    for order in (tree.arm(other, "r1", fence=stale), tree.start(other, "r2", fence=stale)):
        assert (order["ok"], order["code"]) == (False, "fence")
    assert tree.current == good
    assert tree.prove(other, "r3", fence=young)["state"] == "confirmed"


def test_an_order_that_was_armed_before_does_not_begin_after(tree: Tree) -> None:
    good = tree.release(1)
    tree.prove(good, "r0")
    assert tree.arm(tree.release(2), "r1", fence=1)["ok"]
    assert tree.ask("fence", "2")[1]["fence"] == 2
    assert tree.reach("r1", "refused")["reason"].startswith("fence: ")
    assert tree.current == good
