"""A database that HQ sends becomes a snapshot, and then the database: proven, or turned back without loss."""

import hashlib
import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from node_tree import Tree

AT = "2026-03-01T12:00:00+00:00"


def database(tree: Tree) -> Path:
    return tree.root / "var/lib/clavitor/clavitor.db"


def write(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        for statement in statements:
            connection.execute(statement)
        connection.commit()


def values(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as connection:
        return [value for (value,) in connection.execute("SELECT value FROM entries ORDER BY value")]


@pytest.fixture
def backup(tmp_path: Path) -> Path:
    """A backup of two entries, as the node would have copied it."""
    path = tmp_path / "backup.db"
    write(path, "CREATE TABLE entries (value TEXT)", "INSERT INTO entries VALUES ('kept'), ('lost')")
    write(path, "PRAGMA user_version = 1", "PRAGMA wal_checkpoint(TRUNCATE)")
    return path


@pytest.fixture
def node(tree: Tree) -> Tree:
    """A node that runs a release, has lost one entry of its backup, and has written another since."""
    write(database(tree), "CREATE TABLE entries (value TEXT)", "INSERT INTO entries VALUES ('kept'), ('since')")
    write(database(tree), "PRAGMA user_version = 1")
    tree.prove(tree.release(1), "r1")
    return tree


def asked(tree: Tree, content: bytes, run: str = "r2", *, sha: str = "") -> tuple[int, dict[str, object]]:
    sha = sha or hashlib.sha256(content).hexdigest()
    return tree.ask("receive", sha, "--bytes", str(len(content)), "--run", run, "--at", AT)


def send(tree: Tree, backup: Path, run: str = "r2") -> str:
    """Bring a backup to the node; the number of the snapshot that it becomes."""
    content = backup.read_bytes()
    path = Path(str(asked(tree, content, run)[1]["path"]))
    path.write_bytes(content)
    return str(asked(tree, content, run)[1]["number"])


def restore(tree: Tree, number: str, run: str = "r2") -> None:
    assert tree.start(None, run, "--restore-data", "--data", number)["ok"]
    tree.reach(run, "activated")


def test_what_is_sent_becomes_a_snapshot_with_its_own_time(node: Tree, backup: Path) -> None:
    number = int(send(node, backup))
    found = next(each for each in node.ask("facts")[1]["snapshots"] if each["number"] == number)
    assert (found["at"], found["run"], found["schema"], found["release"]) == (AT, "r2", 1, None)
    assert not list((node.root / "var/lib/noc-node/incoming").iterdir())


def test_what_was_changed_on_the_way_is_refused_and_does_not_stay(node: Tree, backup: Path) -> None:
    content = backup.read_bytes()
    path = Path(str(asked(node, content)[1]["path"]))
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    status, said = asked(node, content)
    assert (status, said["code"], path.exists()) == (1, "data", False)


def test_a_part_of_the_same_database_stays_and_other_leftovers_go(node: Tree, backup: Path) -> None:
    content = backup.read_bytes()
    path = Path(str(asked(node, content)[1]["path"]))
    part, other = path.with_name(path.name + ".part"), path.with_name("other.db")
    part.write_bytes(content[:100])
    other.write_bytes(b"x")
    asked(node, content)
    assert (part.exists(), other.exists()) == (True, False)


def test_a_database_without_room_is_refused_before_it_is_sent(node: Tree) -> None:
    status, said = node.ask("receive", "a" * 64, "--bytes", str(1 << 60), "--run", "r2", "--at", AT)
    assert (status, said["code"]) == (1, "disk")


def test_nothing_is_received_while_a_change_is_not_settled(node: Tree, backup: Path) -> None:
    node.start(node.release(2), "r2")
    node.reach("r2", "activated")
    node.kill_acting()
    assert asked(node, backup.read_bytes())[1]["code"] == "busy"


def test_the_node_says_how_much_its_database_holds(node: Tree) -> None:
    said = node.ask("rows")[1]
    assert (said["rows"], said["schema"]) == ({"entries": 2}, 1)
    assert said["bytes"] >= database(node).stat().st_size


def test_the_rows_of_a_node_without_a_database_are_not_known(tree: Tree) -> None:
    assert tree.ask("rows")[1] == {"ok": True, "schema": None, "bytes": 0, "rows": None}


def test_a_restore_puts_the_backup_in_place_and_names_the_loss(node: Tree, backup: Path) -> None:
    before = node.current
    restore(node, send(node, backup))
    assert values(database(node)) == ["kept", "lost"]
    verdict = node.ask("confirm", "r2")[1]
    assert (verdict["state"], node.current) == ("confirmed", before)
    assert (verdict["loss"]["since"], verdict["loss"]["rows"]) == (AT, {"entries": 1})
    assert values(node.root / f"var/lib/noc-node/snapshots/{verdict['snapshot']['number']}.db") == ["kept", "since"]


def test_a_restore_that_is_taken_back_loses_nothing_from_before(node: Tree, backup: Path) -> None:
    number = send(node, backup)
    node.arm(None, "r2", "--restore-data", "--data", number)
    write(database(node), "INSERT INTO entries VALUES ('while it waited')")
    node.ask("go", "r2")
    node.reach("r2", "activated")
    verdict = node.ask("revert", "r2")[1]
    assert verdict["state"] == "rolled-back"
    assert values(database(node)) == ["kept", "since", "while it waited"]


def test_the_loss_of_a_turn_back_counts_from_the_restore_and_not_from_the_backup(node: Tree, backup: Path) -> None:
    restore(node, send(node, backup))
    write(database(node), "INSERT INTO entries VALUES ('meanwhile')")
    verdict = node.ask("revert", "r2")[1]
    assert verdict["loss"]["rows"] == {"entries": 1}
    assert verdict["loss"]["seconds"] < 600


def test_a_restore_without_a_word_from_hq_turns_itself_back(node: Tree, backup: Path) -> None:
    node.start(None, "r2", "--restore-data", "--data", send(node, backup), confirm=1)
    assert node.reach("r2", "rolled-back")["reason"].startswith("HQ did not confirm")
    assert values(database(node)) == ["kept", "since"]


@pytest.mark.parametrize("end", ["recover", "settle"])
def test_a_node_cut_in_the_middle_of_a_restore_has_its_data_from_before(node: Tree, backup: Path, end: str) -> None:
    restore(node, send(node, backup))
    node.kill_acting()
    node.call(end, *(["r2"] if end == "recover" else []))
    node.reach("r2", "rolled-back")
    assert values(database(node)) == ["kept", "since"]


def test_data_of_a_newer_schema_than_the_running_release_knows_are_refused(node: Tree, backup: Path) -> None:
    write(backup, "PRAGMA user_version = 2", "PRAGMA wal_checkpoint(TRUNCATE)")
    said = node.arm(None, "r2", "--restore-data", "--data", send(node, backup))
    assert (said["code"], said["why"]) == ("schema", "the data have schema 2, the release that runs knows 1")
    assert values(database(node)) == ["kept", "since"]


def test_an_order_that_names_no_snapshot_of_the_node_is_refused(node: Tree) -> None:
    assert node.arm(None, "r2", "--restore-data", "--data", "99")["code"] == "no-snapshot"


def test_a_database_that_is_damaged_can_be_replaced_and_is_set_aside(node: Tree, backup: Path) -> None:
    write(database(node), *[f"INSERT INTO entries VALUES ('{number}{'x' * 500}')" for number in range(200)])
    write(database(node), "PRAGMA wal_checkpoint(TRUNCATE)")
    damaged = bytearray(database(node).read_bytes())
    damaged[8192:16384] = os.urandom(8192)
    database(node).write_bytes(damaged)
    restore(node, send(node, backup))
    assert node.ask("confirm", "r2")[1]["state"] == "confirmed"
    assert values(database(node)) == ["kept", "lost"]
    assert database(node).with_name("clavitor.db.given-up").read_bytes() == damaged


def test_a_fresh_node_has_its_data_before_its_release_first_runs(tree: Tree, backup: Path) -> None:
    database(tree).parent.rmdir()
    number = send(tree, backup, "r1")
    assert tree.start(tree.release(1), "r1", "--replace", "--restore-data", "--data", number)["ok"]
    tree.reach("r1", "activated")
    verdict = tree.ask("confirm", "r1")[1]
    assert (verdict["state"], values(database(tree))) == ("confirmed", ["kept", "lost"])
    assert (verdict["loss"], verdict["data"]) == (None, "there were no data before")
    assert database(tree).parent.stat().st_mode & 0o777 == 0o700
