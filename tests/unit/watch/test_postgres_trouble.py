"""PostgreSQL goes away, hangs, or has no room: pushes are refused and come again, and nobody is blamed for it."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from noc.fleet.storing import Address
from noc.watch.errors import CannotMigrate, DatabaseAway, DatabaseFull, NewerDatabase, StoreTrouble
from noc.watch.store import postgres as opening
from noc.watch.store.database import Store
from noc.watch.store.migration import migrate_apart
from noc.watch.store.queries import read_heartbeats
from noc.watch.store.records import Beat
from postgres_kit import Cluster, running
from small_disk import Disk
from watch_kit import Pusher, Receiver, Server, receiving, until, write_fleet

FAST = {"push_interval": 1.0, "sev1_after": 600.0, "recovery_steady": 1.0}
NOW = 1_700_000_000_000


@pytest.fixture(scope="module")
def to_be_harmed() -> Iterator[Cluster]:
    """A PostgreSQL of these tests' own."""
    with running() as cluster:
        yield cluster


@pytest.fixture
def frail(to_be_harmed: Cluster) -> Iterator[Cluster]:
    """The same, running at the test's beginning and at its end."""
    yield to_be_harmed
    if not to_be_harmed.runs:
        to_be_harmed.start()


@contextmanager
def serving(tmp_path: Path, address: Address, receiver: Receiver, **policy: float) -> Iterator[Server]:
    """A server whose fleet file names the database in one line; frankfurt and virginia are live."""
    fleet = write_fleet(tmp_path / "fleet", live=["frankfurt", "virginia"], ntfy=receiver.url, **FAST | policy)
    with (fleet / "fleet.toml").open("a") as file:
        file.write(f'[store]\ndatabase = "{address}"\n')
    with Server(tmp_path, fleet) as server:
        yield server


class Node:
    """One node that pushes all the time, numbered; pushes that were refused come again with their number."""

    def __init__(self, server: Server, name: str) -> None:
        self.answers: list[tuple[int, str]] = []
        self.acknowledged: list[int] = []
        self._server, self._name, self._over = server, name, threading.Event()
        self._thread = threading.Thread(target=self._push)

    def __enter__(self) -> "Node":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _push(self) -> None:
        number = 1
        while not self._over.wait(0.1):
            try:
                with Pusher(self._name, self._server.port) as pusher:
                    status, _, headers = pusher.push(f"status=up&seq={number}&boot=b", body=b'{"ram_mb": 41}')
            except OSError:
                continue
            self.answers.append((status, headers.get("retry-after", "")))
            if status == 200:
                self.acknowledged.append(number)
                number += 1

    def last(self) -> set[int]:
        """The statuses of the last three answers."""
        return {status for status, _ in self.answers[-3:]} if len(self.answers) >= 3 else set()


def about(receiver: Receiver, word: str) -> list[str]:
    """The titles of messages that name something."""
    return [document["title"] for _, document, _ in list(receiver.got) if word in document["title"]]


def test_while_the_server_is_gone_pushes_are_refused_nobody_is_blamed_and_nothing_acknowledged_is_lost(
    tmp_path: Path, frail: Cluster
) -> None:
    with (
        receiving() as receiver,
        serving(tmp_path, frail.database(), receiver, push_interval=2.0) as server,
        Node(server, "virginia") as virginia,
        Node(server, "frankfurt") as frankfurt,
    ):
        until(lambda: len(virginia.acknowledged) > 3 and len(frankfurt.acknowledged) > 3, what="pushes are taken")
        frail.stop(signal.SIGQUIT)
        until(lambda: virginia.last() == {503}, what=seen_by(virginia))
        assert int(virginia.answers[-1][1]) > 0, "Retry-After says when to come again"
        refused = len(virginia.answers)
        until(lambda: len(virginia.answers) > refused + 50, what="pushes are refused for longer than a deadline")
        frail.start()
        until(lambda: virginia.last() == frankfurt.last() == {200}, what=seen_by(virginia))
        assert about(receiver, "virginia") == about(receiver, "frankfurt") == []
        assert [each["node"] for each in server.incidents() if each["node"] in {"virginia", "frankfurt"}] == []
        acknowledged = set(virginia.acknowledged)
        beats = server.ask("/api/v1/nodes/virginia/heartbeats?limit=1000")[1]["heartbeats"]
    assert acknowledged <= {beat["seq"] for beat in beats}


def seen_by(node: Node) -> str:
    """What was seen, for a wait that fails."""
    return f"the answers to pushes; the last were {node.answers[-3:]}"


def test_a_silence_while_the_server_is_gone_is_told_from_memory_and_stored_once_it_is_back(
    tmp_path: Path, frail: Cluster
) -> None:
    with receiving() as receiver, serving(tmp_path, frail.database(), receiver) as server:
        with Node(server, "virginia") as virginia:
            assert server.push("frankfurt", "seq=1&boot=b")[0] == 200
            frail.stop(signal.SIGQUIT)
            until(lambda: about(receiver, "frankfurt"), what="the silence is told")
            assert about(receiver, "virginia") == []
            frail.start()
            until(lambda: virginia.last() == {200}, what="pushes are taken again")
            until(lambda: [each["node"] for each in server.incidents()] == ["frankfurt"], what="the incident is stored")
        assert len(about(receiver, "frankfurt")) == 1


def test_a_server_that_hangs_is_trouble_and_not_silence(frail: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "SILENCE_S", 0.5)
    monkeypatch.setattr(opening, "CONNECT_S", 2)
    store = Store(frail.database())
    try:
        store.write([Beat("virginia", NOW)])
        frail.hang()
        with pytest.raises(DatabaseAway, match="silent"):
            store.write([Beat("virginia", NOW + 1)])
        frail.go_on()
        until(lambda: wrote(store, Beat("virginia", NOW + 2)), what="it takes rows again")
    finally:
        frail.go_on()
        store.close()


def wrote(store: Store, beat: Beat) -> bool:
    """Whether a push was stored."""
    try:
        store.write([beat])
    except StoreTrouble:
        return False
    return True


def test_a_statement_that_takes_too_long_is_ended_by_the_server(
    postgres: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "PATIENCE_S", 0.3)
    engine = opening.open_postgres(postgres.database("noc"), patience_s=0.3)
    with engine.connect() as connection, pytest.raises(Exception, match="statement timeout"):
        connection.exec_driver_sql("SELECT pg_sleep(30)")
    engine.dispose()


def test_readers_notice_nothing_of_a_server_that_went_and_came_back(frail: Cluster) -> None:
    store = Store(frail.database())
    store.write([Beat("virginia", NOW)])
    assert len(read_heartbeats(store.engine, "virginia", 9)) == 1
    frail.stop(signal.SIGQUIT)
    frail.start()
    assert len(read_heartbeats(store.engine, "virginia", 9)) == 1
    store.close()


def test_trouble_names_the_cause_in_one_line(tmp_path: Path) -> None:
    nowhere = Address(user="noc", host=str(tmp_path), port=5432, name="watch")
    with pytest.raises(DatabaseAway) as caught:
        Store(nowhere)
    assert "No such file or directory" in caught.value.why
    assert "\n" not in str(caught.value)


def write_much(store: Store) -> None:
    """More than a small disk holds."""
    for number in range(100):
        store.write([Beat("virginia", NOW + number, msg="x" * 2_000) for _ in range(100)])


@pytest.fixture
def own() -> Iterator[Cluster]:
    """A PostgreSQL of one test's own, which need not start again."""
    with running() as cluster:
        yield cluster


def test_a_full_disk_is_named_and_rows_are_taken_once_there_is_room(own: Cluster) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root to mount a file system")
    disk = Disk(own.socket)
    disk.mount()
    try:
        os.chown(disk.folder, own.socket.stat().st_uid, -1)
        own.run(f"CREATE TABLESPACE small LOCATION '{disk.folder}'")
        store = Store(own.database(more="TABLESPACE small"))
        store.write([Beat("virginia", NOW)])
        disk.fill()
        with pytest.raises(DatabaseFull, match="No space left"):
            write_much(store)
        disk.free()
        store.write([Beat("virginia", NOW + 1)])
        store.close()
    finally:
        own.stop(signal.SIGQUIT)
        disk.unmount()


def test_a_commit_is_on_the_disk_whatever_the_server_is_set_to(postgres: Cluster, database: Address) -> None:
    postgres.run(f"ALTER DATABASE {database.name} SET synchronous_commit = off")
    store = Store(database)
    with store.engine.connect() as connection:
        assert connection.exec_driver_sql("SHOW synchronous_commit").scalar() == "on"
    store.close()


def test_a_database_of_a_newer_release_is_left_alone(postgres: Cluster, database: Address) -> None:
    postgres.run("UPDATE alembic_version SET version_num = '9999'", database=database.name)
    with pytest.raises(NewerDatabase, match="newer"):
        Store(database)
    with pytest.raises(CannotMigrate, match="newer"):
        migrate_apart(database)


def test_an_empty_database_is_migrated_by_a_process_of_its_own(postgres: Cluster) -> None:
    address = postgres.database()
    migrate_apart(address)
    assert postgres.run("SELECT count(*) FROM heartbeats", database=address.name) == [(0,)]


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("a\0b", "a\ufffdb"),
        ("\0\0", "\ufffd\ufffd"),
        (r"a\u0000", r"a\u0000"),
        ("\\\0", "\\\ufffd"),
        ("\\\\\0", "\\\\\ufffd"),
    ],
)
def test_a_character_that_postgresql_cannot_hold_stops_nothing_and_any_other_is_kept(
    database: Address, sent: str, kept: str
) -> None:
    store = Store(database)
    store.write([Beat("virginia", NOW, msg=sent, telemetry={sent: 1, "db_integrity": sent})])
    [beat] = read_heartbeats(store.engine, "virginia", 9)
    store.close()
    assert (beat["msg"], beat["telemetry"]) == (kept, {kept: 1, "db_integrity": kept})
