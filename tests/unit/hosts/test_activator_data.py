"""The service's database in a change: copied, proven readable, put back when asked, and its loss named."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from node_tree import Tree, wait_until

Node = tuple[Tree, str, str]


def database(tree: Tree) -> Path:
    return tree.root / "var/lib/clavitor/clavitor.db"


def write(tree: Tree, *statements: str) -> None:
    with closing(sqlite3.connect(database(tree))) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        for statement in statements:
            connection.execute(statement)
        connection.commit()


def values(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as connection:
        return [value for (value,) in connection.execute("SELECT value FROM entries ORDER BY value")]


@pytest.fixture
def node(tree: Tree) -> Node:
    """A node with one entry that runs release 1; the tree, release 1, and release 2, which is staged."""
    write(tree, "CREATE TABLE entries (value TEXT)", "INSERT INTO entries VALUES ('kept')", "PRAGMA user_version = 1")
    good = tree.release(1)
    tree.prove(good, "r1")
    return tree, good, tree.release(2)


@pytest.fixture
def activated(node: Node) -> Node:
    """The same with release 2 activated, and with what it wrote since: a new entry, a changed one, a new schema."""
    tree, good, other = node
    tree.start(other, "r2")
    tree.reach("r2", "activated")
    write(tree, "INSERT INTO entries VALUES ('since')", "CREATE TABLE extra (x)", "PRAGMA user_version = 2")
    write(tree, "INSERT INTO extra VALUES (1), (2)")
    return tree, good, other


def snapshot(tree: Tree, number: int) -> dict[str, Any]:
    return next(found for found in tree.ask("facts")[1]["snapshots"] if found["number"] == number)


def test_a_snapshot_is_known_with_what_ran_then(node: Node) -> None:
    tree, good, other = node
    verdict = tree.prove(other, "r2")
    found = snapshot(tree, 2)
    assert (found["run"], found["release"], found["schema"]) == ("r2", good, 1)
    assert found["bytes"] == (tree.root / "var/lib/noc-node/snapshots/2.db").stat().st_size
    assert verdict["snapshot"] == found
    assert tree.ask("facts")[1]["schema"] == 1


def test_a_database_that_is_damaged_is_not_left_behind(node: Node) -> None:
    tree, good, other = node
    write(tree, *[f"INSERT INTO entries VALUES ('{number}{'x' * 500}')" for number in range(200)])
    write(tree, "PRAGMA wal_checkpoint(TRUNCATE)")
    with database(tree).open("r+b") as file:
        file.seek(8192)
        file.write(os.urandom(8192))
    tree.start(other, "r2")
    assert tree.reach("r2", "refused")["reason"].startswith("snapshot: the database could not be copied")
    assert (tree.current, len(tree.ask("facts")[1]["snapshots"])) == (good, 1)


def test_a_rollback_keeps_the_data_and_says_that_the_schema_moved(activated: Node) -> None:
    tree, _, _ = activated
    verdict = tree.ask("revert", "r2")[1]
    assert (verdict["state"], verdict["loss"]) == ("rolled-back", None)
    assert verdict["data"] == "the database stays as it is: its schema is 2, and was 1 before"
    assert values(database(tree)) == ["kept", "since"]


def test_nothing_is_said_of_data_that_stay_the_same(node: Node) -> None:
    tree, _, other = node
    tree.start(other, "r2")
    tree.reach("r2", "activated")
    assert tree.ask("revert", "r2")[1]["data"] == ""


def test_asked_for_the_data_go_back_and_the_loss_is_named(activated: Node) -> None:
    tree, good, _ = activated
    verdict = tree.ask("revert", "r2", "--restore-data")[1]
    assert (verdict["state"], tree.current, values(database(tree))) == ("rolled-back", good, ["kept"])
    assert verdict["loss"]["rows"] == {"entries": 1, "extra": 2}
    assert verdict["loss"]["since"] == verdict["snapshot"]["at"]
    assert "is lost: 1 row of entries, 2 rows of extra; it is kept as snapshot 3" in verdict["data"]
    assert tree.ask("facts")[1]["schema"] == 1


def test_what_is_given_up_is_kept_as_a_snapshot(activated: Node) -> None:
    tree, _, other = activated
    tree.ask("revert", "r2", "--restore-data")
    assert values(tree.root / "var/lib/noc-node/snapshots/3.db") == ["kept", "since"]
    assert snapshot(tree, 3)["release"] == other


def test_the_restored_database_has_owner_and_mode_of_the_one_before(activated: Node) -> None:
    tree, _, _ = activated
    os.chown(database(tree), 1234, 1234)
    database(tree).chmod(0o640)
    tree.ask("revert", "r2", "--restore-data")
    found = database(tree).stat()
    assert (found.st_uid, found.st_gid, found.st_mode & 0o777) == (1234, 1234, 0o640)
    assert sorted(path.name for path in database(tree).parent.iterdir()) == ["clavitor.db"]


def test_an_order_may_ask_for_the_data_before_anything_went_wrong(node: Node) -> None:
    tree, good, _ = node
    tree.start(tree.release(3, "crash"), "r3", "--restore-data")
    verdict = tree.reach("r3", "rolled-back")
    assert verdict["data"].endswith("is lost: no row differs; it is kept as snapshot 3")
    assert (tree.current, values(database(tree))) == (good, ["kept"])


def test_a_reboot_in_a_rollback_that_restores_comes_to_the_same(activated: Node) -> None:
    tree, good, _ = activated
    tree.kill_acting()
    answer = '{"answer": "revert", "reason": "no", "restore_data": true}'
    (tree.root / "var/lib/noc-node/answers/r2.json").write_text(answer)
    tree.call("settle")
    assert (tree.current, values(database(tree))) == (good, ["kept"])
    assert tree.reach("r2", "rolled-back")["loss"]["rows"] == {"entries": 1, "extra": 2}


def test_what_was_written_after_the_data_were_put_back_stays(activated: Node) -> None:
    tree, _, _ = activated
    tree.write_layout(launch_recovery=["true"])
    tree.kill_acting()
    (tree.root / "var/lib/noc-node/answers/r2.json").write_text('{"answer": "revert", "restore_data": true}')
    tree.call("settle")
    write(tree, "INSERT INTO entries VALUES ('after the boot')")
    assert tree.call("recover", "r2")[1]["state"] == "rolled-back"
    assert values(database(tree)) == ["after the boot", "kept"]


def test_a_snapshot_that_is_gone_does_not_keep_the_old_release_from_returning(activated: Node) -> None:
    tree, good, _ = activated
    (tree.root / "var/lib/noc-node/snapshots/2.db").unlink()
    verdict = tree.ask("revert", "r2", "--restore-data")[1]
    assert (verdict["state"], tree.current) == ("rolled-back", good)
    assert "could not be put back, and stays as it is: snapshot 2 is gone" in verdict["data"]


def test_a_later_rollback_has_the_data_from_when_that_release_was_left(activated: Node) -> None:
    tree, good, other = activated
    tree.ask("confirm", "r2")
    tree.prove(tree.release(3), "r3")
    assert tree.prove(other, "r4", "--restore-data")["state"] == "confirmed"
    assert values(database(tree)) == ["kept", "since"]
    verdict = tree.prove(good, "r5", "--restore-data")
    assert (verdict["state"], values(database(tree))) == ("confirmed", ["kept"])
    assert verdict["loss"]["rows"] == {"entries": 1, "extra": 2}


def test_a_later_rollback_that_fails_brings_the_present_data_again(activated: Node) -> None:
    tree, good, other = activated
    tree.ask("confirm", "r2")
    tree.start(good, "r3", "--restore-data")
    tree.reach("r3", "activated")
    assert values(database(tree)) == ["kept"]
    verdict = tree.ask("revert", "r3")[1]
    assert (verdict["state"], tree.current, values(database(tree))) == ("rolled-back", other, ["kept", "since"])
    assert verdict["loss"]["rows"] == {}


def test_a_later_rollback_without_a_snapshot_is_refused(activated: Node) -> None:
    tree, good, other = activated
    tree.ask("confirm", "r2")
    for path in (tree.root / "var/lib/noc-node/snapshots").iterdir():
        path.unlink(missing_ok=True)  # the activator may be tidying up at this moment
    assert tree.arm(good, "r3", "--restore-data")["code"] == "no-snapshot"
    assert tree.current == other


def test_snapshots_are_in_order_whatever_the_clock_says(node: Node) -> None:
    """A clock that was an hour ahead, and was set right, makes later things look older."""
    tree, good, other = node
    tree.prove(other, "r2")
    folder = tree.root / "var/lib/noc-node/snapshots"
    for name in ("1.json", "2.json"):
        said = (folder / name).read_text()
        (folder / name).write_text(said.replace('"at": "20', '"at": "21'))
    tree.prove(tree.release(3), "r3")
    assert [found["number"] for found in tree.ask("facts")[1]["snapshots"]] == [1, 2, 3]
    assert tree.prove(good, "r4", "--restore-data")["loss"]["seconds"] == 0


def test_of_many_attempts_only_the_newest_snapshots_stay(node: Node) -> None:
    tree, _, _ = node
    for number in range(3, 8):
        tree.start(tree.release(number, "crash"), f"r{number}")
        tree.reach(f"r{number}", "rolled-back")
    wait_until(lambda: len(list((tree.root / "var/lib/noc-node/snapshots").iterdir())) == 6)
    assert [found["run"] for found in tree.ask("facts")[1]["snapshots"]] == ["r5", "r6", "r7"]
