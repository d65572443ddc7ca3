"""The watch moves from its file to PostgreSQL: nothing is lost, nothing comes twice, and half a move is none."""

import json
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import text
from typer.testing import CliRunner

from noc.cli.watch import app as watch_command
from noc.fleet.storing import Address
from noc.watch.errors import NoSuchDatabase, NotCopied, NotEmpty, NotWhole, StoreTrouble
from noc.watch.store import carrier
from noc.watch.store.copying import copy, finish_copy
from noc.watch.store.database import Store
from noc.watch.store.engine import open_engine
from noc.watch.store.queries import read_events
from noc.watch.store.records import Alive, Beat, Event, Incident, IncidentSaved, Key, KeySaved, Note, Record
from noc.watch.store.schema import metadata
from postgres_kit import Cluster
from rollup_kit import stored
from watch_kit import Server, to, until, write_fleet

NOW = time.time_ns() // 1_000_000
NAMES = ("virginia", "Zürich", "@fleet")


def life(since: int, count: int = 40) -> list[Record]:
    """Some of everything: pushes over hours, an incident with its alert and note, events, a key."""
    beats = [
        Beat(name, since + number * 300_000, seq=number, boot="b", telemetry={"ram_mb": number, "x": 1.5})
        for number in range(count)
        for name in NAMES
    ]
    incident = Incident(since % 1_000_000 + 1, "virginia", "death", "killed 🙂", since, ended=since + 9)
    key = Key(f"{since:064x}", "token", "a", "ada", "approver", since, since + 10**9)
    events = [Event("boot", "virginia", since), Event("gap", None, since, detail={"a": [1, None]})]
    note = Note(incident.id, since, "ada", "seen")
    return [*beats, *events, IncidentSaved(incident, "opened"), note, KeySaved(key), Alive(since)]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "watch.db"


@pytest.fixture
def watch(file: Path) -> Iterator[Store]:
    """The store of a watch that is using the file."""
    store = Store(file, to("ntfy"))
    store.write(life(NOW - 40 * 300_000))
    yield store
    store.close()


@pytest.fixture
def empty(postgres: Cluster) -> Iterator[Address]:
    """A database as createdb makes it."""
    address = postgres.database()
    yield address
    postgres.drop(address)


def nothing() -> None:
    """Nobody waits to hear that it goes on."""


def contents(where: Path | Address) -> dict[str, list[tuple[object, ...]]]:
    """Every row of every table but the rollups, in order."""
    engine = open_engine(where)
    tables = [table for table in metadata.sorted_tables if table.name != "rollups"]
    with engine.connect() as connection:
        found = {table.name: sorted(map(tuple, connection.execute(table.select())), key=repr) for table in tables}
    engine.dispose()
    return found


def test_all_that_was_written_before_during_and_after_the_first_part_arrives(
    file: Path, watch: Store, empty: Address
) -> None:
    while_copying = iter([life(NOW)])

    def tell(_table: str, _rows: int) -> None:
        watch.write(next(while_copying, []))

    copy(file, empty, tell)
    watch.write(life(NOW + 3_600_000))
    past = watch.past()
    watch.close()
    before, rollups = contents(file), stored(file)
    finish_copy(file, empty, nothing)
    assert contents(empty) == before
    assert stored(empty) == rollups
    moved = Store(empty)
    assert moved.past() == past
    moved.close()


def test_an_interrupted_first_part_goes_on_where_it_stopped(
    file: Path, watch: Store, empty: Address, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(carrier, "AT_ONCE", 50)

    def interrupt(_table: str, rows: int) -> None:
        if rows >= 100:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        copy(file, empty, interrupt)
    told: list[int] = []
    copied = copy(file, empty, lambda table, rows: told.append(rows) if table == "heartbeats" else None)
    assert told == [20]
    assert copied.rest > 0
    watch.close()
    before = contents(file)
    finish_copy(file, empty, nothing)
    assert contents(empty) == before


def test_a_second_part_that_fails_changes_nothing_and_can_be_done_again(
    file: Path, watch: Store, empty: Address, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy(file, empty)
    watch.write(life(NOW))
    watch.close()
    halfway = contents(empty)
    with monkeypatch.context() as broken:
        broken.setattr(carrier.Carrier, "unequal", lambda _self: ["incidents"])
        with pytest.raises(NotWhole, match="incidents"):
            finish_copy(file, empty, nothing)
    assert contents(empty) == halfway
    assert file.exists()
    finish_copy(file, empty, nothing)
    assert contents(empty) == contents(file.with_name("watch.db.moved"))


def test_the_file_is_put_aside_whole_and_a_later_start_copies_nothing(file: Path, watch: Store, empty: Address) -> None:
    copy(file, empty)
    watch.close()
    assert finish_copy(file, empty, nothing) > 0
    assert [path.name for path in file.parent.glob("watch.db*")] == ["watch.db.moved"]
    with closing(sqlite3.connect(file.with_name("watch.db.moved"))) as moved:
        assert moved.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert finish_copy(file, empty, nothing) == 0


def test_numbers_go_on_where_the_file_stopped_even_behind_rows_that_are_gone(
    file: Path, watch: Store, empty: Address
) -> None:
    last = read_events(watch.engine, after=0, limit=100)[-1]["id"]
    with watch.engine.begin() as connection:
        connection.execute(text("DELETE FROM events"))
    copy(file, empty)
    watch.close()
    finish_copy(file, empty, nothing)
    moved = Store(empty)
    moved.write([Event("boot", None, NOW)])
    assert [event["id"] for event in read_events(moved.engine, after=0, limit=9)] == [last + 1]
    moved.close()


def test_a_watch_that_still_writes_to_the_file_stops_the_second_part(
    file: Path, watch: Store, empty: Address, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy(file, empty)
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        monkeypatch.setattr("noc.watch.store.copying.BUSY_S", 0.1)
        with pytest.raises(NoSuchDatabase, match="locked"):
            finish_copy(file, empty, nothing)
    assert file.exists()


@pytest.mark.usefixtures("watch")
def test_an_empty_database_beside_a_full_file_is_refused_and_nothing_forgotten(file: Path, database: Address) -> None:
    with pytest.raises(NotCopied, match="noc watch migrate --to"):
        finish_copy(file, database, nothing)


def test_a_new_watch_begins_in_postgresql_without_a_file(tmp_path: Path, database: Address) -> None:
    assert finish_copy(tmp_path / "watch.db", database, nothing) == 0


def test_a_database_that_holds_something_else_is_left_alone(file: Path, watch: Store, database: Address) -> None:
    other = Store(database)
    other.write([Beat("virginia", NOW)])
    other.close()
    with pytest.raises(NotEmpty):
        copy(file, database)


def test_a_copy_of_another_file_is_not_gone_on_with(file: Path, watch: Store, empty: Address, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    Store(tmp_path / "other" / "watch.db").close()
    copy(tmp_path / "other" / "watch.db", empty)
    with pytest.raises(NotEmpty):
        copy(file, empty)


def test_a_file_that_is_gone_after_the_first_part_is_asked_for(file: Path, watch: Store, empty: Address) -> None:
    copy(file, empty)
    watch.close()
    file.rename(file.with_name("elsewhere.db"))
    with pytest.raises(NotCopied, match="put it back"):
        finish_copy(file, empty, nothing)


def test_a_server_that_is_not_there_changes_nothing(file: Path, watch: Store, tmp_path: Path) -> None:
    with pytest.raises(StoreTrouble):
        copy(file, Address(user="noc", host=str(tmp_path), port=5432, name="watch"))


def test_a_watch_moves_by_one_command_and_one_line(tmp_path: Path, postgres: Cluster) -> None:
    address = postgres.database()
    fleet = write_fleet(tmp_path / "fleet")
    server = Server(tmp_path, fleet)
    server.start()
    try:
        assert server.push("virginia", "seq=1&boot=b")[0] == 200
        command = [sys.executable, "-P", "-m", "noc", "watch", "migrate", "--to", str(address), "--json"]
        done = subprocess.run(
            [*command, "--db", str(server.database)], capture_output=True, text=True, timeout=60, check=True
        )
        assert json.loads(done.stdout)["rows"] >= 1
        assert server.push("virginia", "seq=2&boot=b")[0] == 200
        server.stop()
        with (fleet / "fleet.toml").open("a") as lines:
            lines.write(f'[store]\ndatabase = "{address}"\n')
        server.start()
        assert server.push("virginia", "seq=3&boot=b")[0] == 200
        beats = server.ask("/api/v1/nodes/virginia/heartbeats?limit=9")[1]["heartbeats"]
        assert [beat["seq"] for beat in beats] == [3, 2, 1]
        until(lambda: not server.database.exists(), what="the file is put aside")
    finally:
        server.stop()


def test_the_command_says_what_to_do_next(file: Path, watch: Store, empty: Address) -> None:
    result = CliRunner().invoke(watch_command, ["migrate", "--to", str(empty), "--db", str(file)])
    assert result.exit_code == 0, result.output
    assert f'database = "{empty}"' in result.stdout
    assert "Pushes then wait in their socket for about" in result.stdout


def test_a_password_in_the_address_is_refused_and_not_repeated(file: Path) -> None:
    result = CliRunner().invoke(
        watch_command, ["migrate", "--to", "postgresql://noc:hunter2@db/watch", "--db", str(file)]
    )
    assert result.exit_code == 2
    assert "hunter2" not in result.output
