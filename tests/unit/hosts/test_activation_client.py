"""HQ's side of the activator, against the real one behind OpenSSH."""

import asyncio
import json
import sys
from pathlib import Path

import pytest

from noc.hosts.activation import ANSWER_WITHIN_S, Activator, Order
from noc.hosts.errors import ActivationRefused, ConnectionLost, Unclear
from noc.hosts.files import File, install
from noc.hosts.node import activator as program
from noc.hosts.sshshell import SSHShell
from node_tree import Tree, make_release, sign_release


@pytest.fixture
def activator(shell: SSHShell, tree: Tree) -> Activator:
    argv = [sys.executable, str(tree.base / "programs/activator.py"), "--layout", str(tree.base / "layout.json")]
    return Activator(shell, *argv)


def order(sha: str, run: str, fence: int = 1) -> Order:
    return Order(run, fence, sha, None, confirm_within_s=20, health_within_s=10)


async def test_a_release_is_started_followed_and_confirmed(activator: Activator, tree: Tree) -> None:
    sha = tree.release(1)
    await activator.start(order(sha, "r1"))
    verdict = await activator.status("r1", 10, "staged")
    while verdict.state != "activated":
        verdict = await activator.status("r1", 10, verdict.state)
    verdict = await activator.confirm("r1")
    assert (verdict.state, verdict.final) == ("confirmed", True)
    assert (await activator.facts()).proven == (sha,)


async def test_a_revert_gives_the_verdict_of_the_rollback(activator: Activator, tree: Tree) -> None:
    tree.prove(tree.release(1), "r1")
    await activator.start(order(tree.release(2), "r2"))
    tree.reach("r2", "activated")
    assert (await activator.revert("r2", "HQ has seen no heartbeat")).state == "rolled-back"


async def test_a_confirmation_that_came_too_late_is_no_error(activator: Activator, tree: Tree) -> None:
    tree.prove(tree.release(1), "r1")
    tree.start(tree.release(2), "r2", confirm=0.2)
    tree.reach("r2", "rolled-back")
    assert (await activator.confirm("r2")).state == "rolled-back"


async def test_a_refusal_carries_the_activator_s_code(activator: Activator, tree: Tree) -> None:
    tree.prove(tree.release(1), "r1", fence=5)
    with pytest.raises(ActivationRefused) as caught:
        await activator.start(order(tree.release(2), "r2", 4))
    assert caught.value.reason == "fence"


async def test_an_unknown_run_is_refused(activator: Activator) -> None:
    with pytest.raises(ActivationRefused, match="unknown"):
        await activator.status("nothing")


async def test_a_bad_release_is_a_verification_not_an_error(activator: Activator, tree: Tree) -> None:
    said = await activator.verify(tree.release(1, signer=tree.stranger))
    assert (said.ok, said.code) == (False, "untrusted")


async def test_a_node_without_the_activator_is_told_with_its_fix(shell: SSHShell) -> None:
    with pytest.raises(Unclear, match="noc provision frankfurt"):
        await Activator(shell, "python3", "/nowhere/activator.py").facts()


async def test_an_activator_that_serves_nobody_yet_is_told_with_its_fix(shell: SSHShell) -> None:
    older = "echo 'activator.py: error: argument verb: invalid choice: serve' >&2; exit 2"
    with pytest.raises(Unclear, match=r"invalid choice.* noc provision frankfurt puts this version's activator there"):
        await Activator(shell, "sh", "-c", older).facts()


async def test_what_is_no_answer_is_told_as_such(shell: SSHShell) -> None:
    with pytest.raises(Unclear, match="noc provision frankfurt"):
        await Activator(shell, "sh", "-c", "echo Welcome; read end").facts()


async def test_an_activator_that_is_killed_under_a_question_is_a_lost_connection(shell: SSHShell) -> None:
    with pytest.raises(ConnectionLost):
        await Activator(shell, "sh", "-c", "read line; kill -9 $$").facts()


async def test_questions_do_not_wait_for_each_other(activator: Activator, tree: Tree) -> None:
    tree.prove(tree.release(1), "r1")
    await activator.start(order(tree.release(2), "r2"))
    waiting = asyncio.create_task(activator.status("r2", 30, "activated"))
    tree.reach("r2", "activated")
    assert (await activator.facts()).pending == "r2"
    assert (await activator.confirm("r2")).state == "confirmed"
    assert (await waiting).state == "confirmed"


async def test_a_conversation_that_was_ended_is_begun_anew(activator: Activator) -> None:
    await activator.facts()
    await activator.close()
    assert (await activator.facts()).current is None


async def test_armed_on_one_node_and_let_go_later(activator: Activator, tree: Tree) -> None:
    tree.prove(tree.release(1), "r1")
    await activator.fence(3)
    await activator.arm(order(tree.release(2), "r2", 3))
    assert (await activator.status("r2")).state == "armed"
    await activator.go("r2")
    verdict = await activator.status("r2", 20, "activating")
    while verdict.state != "activated":
        verdict = await activator.status("r2", 20, verdict.state)
    assert verdict.restart_s is not None
    assert (await activator.confirm("r2")).state == "confirmed"


async def test_an_answer_of_another_version_is_told_as_such(shell: SSHShell) -> None:
    said: dict[str, object] = {"current": None, "version": None, "fence": 0, "pending": None, "proven": []}
    older = f"read line; echo '{json.dumps({'id': 1, 'status': 0, 'answer': said})}'; read end"
    with pytest.raises(Unclear, match="disk_free_bytes"):
        await Activator(shell, "sh", "-c", older).facts()


@pytest.fixture
def release(tree: Tree, tmp_path: Path) -> Path:
    """A release of some size at HQ, which the node has not."""
    (tmp_path / "hq").mkdir()
    return make_release(tmp_path / "hq", 1, signer=tree.key, size=2_000_000)


def size_of(directory: Path) -> int:
    return sum(path.stat().st_size for path in directory.iterdir())


async def test_a_release_is_sent_once(activator: Activator, release: Path) -> None:
    assert await activator.stage(release) == size_of(release)
    assert await activator.stage(release) == 0
    assert (await activator.verify(release.name)).ok


async def test_a_release_that_was_cut_goes_on_where_it_was(activator: Activator, tree: Tree, release: Path) -> None:
    (tree.root / "opt/clavitor/releases" / release.name).mkdir()
    part = tree.root / "opt/clavitor/releases" / release.name / "clavitor.pyz.part"
    part.write_bytes((release / "clavitor.pyz").read_bytes()[:1_500_000])
    assert await activator.stage(release) < 510_000
    assert (await activator.verify(release.name)).ok


async def test_a_part_of_something_else_is_sent_anew_once(activator: Activator, tree: Tree, release: Path) -> None:
    (tree.root / "opt/clavitor/releases" / release.name).mkdir()
    part = tree.root / "opt/clavitor/releases" / release.name / "clavitor.pyz.part"
    part.write_bytes(bytes(1_500_000))
    assert 2_500_000 < await activator.stage(release) < 2_510_000
    assert (await activator.verify(release.name)).ok


async def test_a_release_that_is_broken_at_hq_is_sent_twice_and_no_more(activator: Activator, release: Path) -> None:
    (release / "clavitor.pyz").write_bytes(bytes(2_000_000))
    assert 4_000_000 <= await activator.stage(release) < 4_010_000
    assert (await activator.verify(release.name)).code == "content"


async def test_a_signature_that_was_made_anew_is_sent_alone(activator: Activator, tree: Tree, release: Path) -> None:
    await activator.stage(release)
    sign_release(release, tree.stranger)
    assert await activator.stage(release) == (release / "manifest.json.sig").stat().st_size


async def test_files_are_written_once(shell: SSHShell, tmp_path: Path) -> None:
    files = {
        str(tmp_path / "new/one"): File("1\n"),
        str(tmp_path / "new/two"): File("2\n", 0o600),
    }
    assert await install(shell, files) == tuple(files)
    assert await install(shell, files) == ()
    (tmp_path / "new/two").chmod(0o644)
    assert await install(shell, files) == (str(tmp_path / "new/two"),)


def test_hq_waits_longer_for_an_answer_than_the_node_for_its_verdict() -> None:
    assert ANSWER_WITHIN_S > program.ANSWER_WITHIN_S
