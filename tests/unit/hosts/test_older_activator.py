"""HQ is upgraded before its nodes are: today's HQ speaks to the activator of the version before, as it was shipped.

`tests/activator-0.1.0.zip` holds that activator's parts, unchanged; it is replaced with each release of noc.
"""

import shutil
import sys
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from noc.hosts.activation import Activator, Order
from noc.hosts.errors import Unclear
from noc.hosts.sshshell import SSHShell
from node_tree import Tree

PARTS = Path(__file__).parents[2] / "activator-0.1.0.zip"


@pytest.fixture
async def activator(shell: SSHShell, tree: Tree) -> AsyncIterator[Activator]:
    """Today's client of a node whose activator is the older one."""
    (package,) = (tree.base / "programs").glob("parts-*/noc_node")
    shutil.rmtree(package)
    with zipfile.ZipFile(PARTS) as archive:
        archive.extractall(package)
    assert not (package / "backup.py").exists()
    argv = [sys.executable, str(tree.base / "programs/activator.py"), "--layout", str(tree.base / "layout.json")]
    activator = Activator(shell, *argv)
    yield activator
    await activator.close()


def order(sha: str, run: str, fence: int) -> Order:
    return Order(run, fence, sha, None, confirm_within_s=20, health_within_s=10)


async def reach(activator: Activator, run: str, state: str) -> None:
    verdict = await activator.status(run, 10, "staged")
    while verdict.state != state:
        assert not verdict.final, verdict
        verdict = await activator.status(run, 10, verdict.state)


async def test_a_release_goes_there_by_every_step_of_a_rollout(activator: Activator, tree: Tree) -> None:
    sha = tree.release(1)
    assert (await activator.verify(sha)).ok
    assert (await activator.fence(3)).fence == 3
    await activator.arm(order(sha, "r1", 3))
    await activator.go("r1")
    await reach(activator, "r1", "activated")
    assert (await activator.confirm("r1")).state == "confirmed"
    assert (await activator.facts()).proven == (sha,)


async def test_a_release_is_turned_back_there(activator: Activator, tree: Tree) -> None:
    tree.prove(tree.release(1), "r1")
    await activator.start(order(tree.release(2), "r2", 5))
    await reach(activator, "r2", "activated")
    assert (await activator.revert("r2", "HQ has seen no heartbeat")).state == "rolled-back"


async def test_what_it_cannot_do_yet_is_said_with_its_fix_and_changes_nothing(activator: Activator, tree: Tree) -> None:
    tree.prove(tree.release(1), "r1")
    before = await activator.facts()
    with pytest.raises(Unclear, match="noc provision frankfurt puts this version's activator there"):
        await activator.backup(bytes(32))
    after = await activator.facts()
    assert (after.current, after.proven, after.fence) == (before.current, before.proven, before.fence)
