"""A backup at the node's end: copied while the service writes, proven from its own chunks, gone whatever happens."""

import base64
import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import zlib
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from noc.backup.keys import Whole, chunk_name
from noc.hosts.node import backup
from noc.hosts.node.backup_copy import Copy, pack
from noc.hosts.node.layout import Layout, load_layout
from noc.hosts.node.state import Refused
from node_tree import DEADLINE_S, Tree, wait_until

KEY = bytes(range(32))


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Layout]:
    """A node with a database of some hundred pages."""
    (tmp_path / "of-node.json").write_text(json.dumps({"root": str(tmp_path / "node"), "reserve": 1024}))
    layout = load_layout(str(tmp_path / "of-node.json"))
    layout.database.parent.mkdir(parents=True)
    with closing(sqlite3.connect(layout.database)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA user_version=3")
        connection.execute("CREATE TABLE entries (value BLOB)")
        connection.execute("CREATE TABLE people (name TEXT)")
        connection.executemany("INSERT INTO entries VALUES (?)", [(os.urandom(3000),) for _ in range(600)])
        connection.execute("INSERT INTO people VALUES ('one')")
        connection.commit()
    yield layout
    backup.discard()


def left(layout: Layout) -> list[str]:
    """What lies on the disk of backups."""
    return sorted(path.name for path in layout.state("backup").glob("*"))


def damage(layout: Layout) -> None:
    with closing(sqlite3.connect(layout.database)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with layout.database.open("r+b") as file:
        file.seek(20 * 4096)
        file.write(os.urandom(4096))


def fetched(said: dict[str, Any]) -> bytes:
    """The database, from what the node sends, as HQ reads it."""
    contents = {}
    for name, _ in said["chunks"]:
        packed = b""
        while True:
            piece = backup.fetch(name, len(packed))
            packed += base64.b64decode(piece["content"])
            if len(packed) == piece["bytes"]:
                break
        contents[name] = zlib.decompress(packed)
    return b"".join(contents[name] for name, _ in said["chunks"])


def test_what_is_fetched_is_the_database(node: Layout, tmp_path: Path) -> None:
    said = backup.take(node, KEY.hex())
    content = fetched(said)
    assert len(content) == said["bytes"]
    (tmp_path / "restored.db").write_bytes(content)
    with closing(sqlite3.connect(tmp_path / "restored.db")) as restored, closing(sqlite3.connect(node.database)) as own:
        assert list(restored.iterdump()) == list(own.iterdump())


def test_it_says_what_was_proven(node: Layout) -> None:
    said = backup.take(node, KEY.hex())
    assert (said["tables"], said["rows"], said["schema"], said["page_size"]) == (2, 601, 3, 4096)


def test_hq_and_node_give_a_chunk_the_same_name(node: Layout) -> None:
    said = backup.take(node, KEY.hex())
    content, whole = fetched(said), Whole(KEY)
    whole.feed(content)
    assert said["whole"] == whole.hex
    name, size = said["chunks"][0]
    assert name == chunk_name(KEY, content[:size])


def test_a_chunk_that_fits_no_answer_comes_in_pieces(node: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = fetched(backup.take(node, KEY.hex()))
    monkeypatch.setattr(backup, "PIECE", 1000)
    assert fetched(backup.take(node, KEY.hex())) == whole


def test_an_answer_with_the_longest_piece_fits_into_a_line(node: Layout) -> None:
    assert len(json.dumps({"content": base64.b64encode(bytes(backup.PIECE)).decode()})) + 1000 < 1 << 20


def test_nothing_is_left_on_the_disk_once_the_copy_is_proven(node: Layout) -> None:
    backup.take(node, KEY.hex())
    assert left(node) == []


def test_writes_meanwhile_do_not_break_the_copy(node: Layout) -> None:
    stop = threading.Event()

    def write() -> None:
        with closing(sqlite3.connect(node.database, timeout=30)) as connection:
            while not stop.is_set():
                with connection:
                    connection.execute("INSERT INTO entries VALUES (?)", (os.urandom(2000),))
                    connection.execute("UPDATE people SET name = name || 'x'")

    writer = threading.Thread(target=write)
    writer.start()
    try:
        found = [backup.take(node, KEY.hex())["rows"] for _ in range(5)]
    finally:
        stop.set()
        writer.join()
    assert found == sorted(found)
    assert found[-1] > 601


def test_a_damaged_database_is_refused_in_words_and_nothing_is_kept(node: Layout) -> None:
    damage(node)
    with pytest.raises(Refused, match="the database") as caught:
        backup.take(node, KEY.hex())
    assert caught.value.code == "damaged"
    assert left(node) == []


def test_a_node_without_a_database_says_so(node: Layout) -> None:
    node.database.unlink()
    with pytest.raises(Refused, match="no database yet"):
        backup.take(node, KEY.hex())
    assert not node.database.exists()


def test_a_disk_without_room_is_refused_before_anything_is_copied(node: Layout) -> None:
    with pytest.raises(Refused, match="bytes are needed") as caught:
        backup.take(node._replace(reserve=1 << 62), KEY.hex())
    assert caught.value.code == "disk"
    assert left(node) == []


def test_chunks_that_do_not_make_up_the_copy_are_found_by_the_trial(
    node: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = Copy.read

    def wrong(self: Copy, name: str, offset: int, length: int) -> bytes:
        content = bytearray(zlib.decompress(read(self, name, offset, length)))
        content[100] ^= 1
        return zlib.compress(bytes(content))

    monkeypatch.setattr(Copy, "read", wrong)
    with pytest.raises(Refused, match="not what was copied"):
        backup.take(node, KEY.hex())
    assert left(node) == []


def test_a_disk_that_fills_up_leaves_nothing(node: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> bytes:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("zlib.decompress", full)
    with pytest.raises(OSError, match="No space left"):
        backup.take(node, KEY.hex())
    assert left(node) == []


def test_what_a_power_cut_left_is_gone_with_the_next_copy(node: Layout) -> None:
    node.state("backup").mkdir(parents=True)
    (node.state("backup") / "copy.db").write_text("left")
    backup.take(node, KEY.hex())
    assert left(node) == []


def test_a_second_copy_at_once_is_refused(node: Layout) -> None:
    with closing(Copy(node, KEY)), pytest.raises(Refused, match="under way"):
        Copy(node, KEY)


@pytest.mark.parametrize(
    "content", [b"", b"x", os.urandom(100_000), b"the same " * 20_000, os.urandom(3000) + bytes(9000)]
)
def test_whatever_is_packed_comes_out_again_and_is_hardly_longer(content: bytes) -> None:
    packed = pack(content)
    assert zlib.decompress(packed) == content
    assert len(packed) < len(content) + 100


def test_what_can_be_made_smaller_is() -> None:
    assert len(pack(b"the same " * 20_000)) < 5_000


def test_an_empty_place_has_no_chunk(node: Layout) -> None:
    said = backup.take(node, KEY.hex())
    backup.discard()
    with pytest.raises(Refused, match="no copy"):
        backup.fetch(said["chunks"][0][0], 0)


def test_the_copy_is_gone_with_the_session_that_is_killed(node: Layout, tree: Tree) -> None:
    argv = [sys.executable, "-I", "-S", str(tree.base / "programs/activator.py"), "--layout", str(node.file), "serve"]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin
        assert process.stdout
        process.stdin.write(json.dumps({"id": 1, "verb": "backup", "args": [KEY.hex()]}).encode() + b"\n")
        process.stdin.flush()
        said = json.loads(process.stdout.readline())["answer"]
        assert said["ok"], said
        assert left(node) == []
        assert held(process.pid) != []
        process.send_signal(signal.SIGKILL)
        process.wait(DEADLINE_S)
    wait_until(lambda: backup.take(node, KEY.hex())["ok"])


def test_a_key_on_a_command_line_is_refused(node: Layout, tree: Tree) -> None:
    argv = [sys.executable, "-I", "-S", str(tree.base / "programs/activator.py"), "--layout", str(node.file)]
    done = subprocess.run([*argv, "backup", KEY.hex()], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert "for a session alone" in done.stderr
    assert KEY.hex() not in done.stderr


def held(pid: int) -> list[str]:
    """Files without a name that a process keeps open."""
    links = [str(path.readlink()) for path in Path(f"/proc/{pid}/fd").iterdir()]
    return [link for link in links if "(deleted)" in link]
