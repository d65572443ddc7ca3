"""What the database forgets, gives back, and says of itself."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import func, select
from typer.testing import CliRunner

from noc.cli.watch import app as watch_command
from noc.fleet.errors import FleetProblems
from noc.fleet.keeping import Keep
from noc.fleet.load import load
from noc.watch.errors import CannotMigrate, NewerDatabase, NoSuchDatabase
from noc.watch.store import migration, pruning
from noc.watch.store.database import Store
from noc.watch.store.engine import open_engine
from noc.watch.store.migration import migrate_apart
from noc.watch.store.records import Beat, Event, Incident, IncidentSaved, Prune
from noc.watch.store.schema import HEAD, events, heartbeats, incidents, outbox, rollups
from noc.watch.store.stats import read_stats
from watch_kit import write_fleet

NOW = 1_700_000_000_000
DAY = 86_400_000
KEEP = Keep()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path / "watch.db", lambda *_: {"ntfy": None})
    yield store
    store.close()


def count(store: Store, table: object) -> int:
    with store.engine.connect() as connection:
        return int(connection.scalar(select(func.count()).select_from(table)) or 0)  # type: ignore[arg-type]


def prune(store: Store, rounds: int = 12) -> None:
    for _ in range(rounds):
        store.write([Prune(NOW, KEEP)])


def grains(store: Store) -> list[tuple[int, int]]:
    with store.engine.connect() as connection:
        return [
            tuple(row) for row in connection.execute(select(rollups.c.grain, func.count()).group_by(rollups.c.grain))
        ]


def test_every_nodes_old_pushes_go_and_the_young_ones_stay(store: Store) -> None:
    for node in ("virginia", "frankfurt", "singapore"):
        store.write([Beat(node, NOW - day * DAY) for day in range(20)])
    prune(store)
    assert count(store, heartbeats) == 3 * (KEEP.heartbeats + 1)


def test_each_grain_is_kept_for_its_own_time(store: Store) -> None:
    store.write([Beat("virginia", NOW - day * DAY) for day in (0, 29, 31, 399, 402, 1_094, 1_097)])
    prune(store)
    assert grains(store) == [(60, 2), (3_600, 4), (86_400, 6)]


def test_events_of_no_node_go_as_well(store: Store) -> None:
    store.write(
        [Event("boot", None, NOW - 91 * DAY), Event("boot", "virginia", NOW - 91 * DAY), Event("boot", None, NOW)]
    )
    prune(store)
    assert count(store, events) == 1


def test_an_incident_goes_with_its_alerts_once_it_is_over_for_long_and_never_while_it_is_open(store: Store) -> None:
    old = Incident(1, "virginia", "death", "killed", NOW - 1_200 * DAY)
    store.write(
        [IncidentSaved(replace(old, ended=NOW - 1_199 * DAY), "opened"), IncidentSaved(replace(old, id=2), "opened")]
    )
    prune(store)
    assert (count(store, incidents), count(store, outbox)) == (1, 1)


def test_one_bite_is_small(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pruning, "ROWS_AT_ONCE", 5)
    store.write([Beat("virginia", NOW - 9 * DAY) for _ in range(12)])
    store.write([Prune(NOW, KEEP)])
    assert count(store, heartbeats) == 7


def test_room_that_became_free_goes_back_to_the_file_system(store: Store, tmp_path: Path) -> None:
    store.write([Beat("virginia", NOW - 9 * DAY, msg="x" * 2_000) for _ in range(900)])
    before = read_stats(tmp_path / "watch.db", KEEP)
    prune(store)
    after = read_stats(tmp_path / "watch.db", KEEP)
    assert after.bytes < before.bytes / 4
    assert after.free_bytes == 0


def first_schema(path: Path, *, auto_vacuum: str) -> None:
    """A database as the first release made it, with one push in it."""
    engine = open_engine(path)
    config = Config()
    config.set_main_option("script_location", str(Path(migration.__file__).parent / "migrations"))
    with closing(sqlite3.connect(path)) as fresh:
        fresh.execute(f"PRAGMA auto_vacuum={auto_vacuum}")
        fresh.execute("CREATE TABLE filler (x)")
        fresh.execute("DROP TABLE filler")
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        connection.exec_driver_sql(
            "INSERT INTO heartbeats (node, at, up, msg, warn) VALUES ('virginia', 1, 1, 'OK', '')"
        )
    engine.dispose()


def pragma(path: Path, name: str) -> int:
    with closing(sqlite3.connect(path)) as connection:
        return int(connection.execute(f"PRAGMA {name}").fetchone()[0])


def test_a_new_file_gives_free_pages_back(store: Store, tmp_path: Path) -> None:
    assert pragma(tmp_path / "watch.db", "auto_vacuum") == migration.INCREMENTAL


def test_a_file_of_the_first_release_is_migrated_by_a_process_of_its_own_and_can_shrink(tmp_path: Path) -> None:
    path = tmp_path / "watch.db"
    first_schema(path, auto_vacuum="NONE")
    assert pragma(path, "auto_vacuum") == 0
    migrate_apart(path)
    assert pragma(path, "auto_vacuum") == migration.INCREMENTAL
    engine = open_engine(path)
    assert migration.revision(engine) == HEAD
    engine.dispose()
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT count(*) FROM heartbeats").fetchone() == (1,)


def test_a_database_of_a_newer_release_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "watch.db"
    Store(path).close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.commit()
    with pytest.raises(NewerDatabase, match="newer"):
        Store(path)
    with pytest.raises(CannotMigrate, match="newer"):
        migrate_apart(path)


def test_a_migration_that_fails_says_why(tmp_path: Path) -> None:
    path = tmp_path / "watch.db"
    first_schema(path, auto_vacuum="NONE")
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE rollups (x)")
    with pytest.raises(CannotMigrate, match="rollups already exists"):
        migrate_apart(path)


def test_a_process_that_finds_nothing_to_migrate_starts_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Store(tmp_path / "watch.db").close()
    monkeypatch.setattr("sys.executable", "/nonexistent")
    migrate_apart(tmp_path / "watch.db")


def test_a_year_of_a_node_is_predicted_from_what_its_rows_measure(store: Store, tmp_path: Path) -> None:
    telemetry: dict[str, float | int | str | None] = {"ram_mb": 412, "disk_pct": 41.5, "uptime_s": 12_345}
    for hour in range(4):
        store.write([Beat("virginia", NOW + hour * 3_600_000 + n * 30_000, telemetry=telemetry) for n in range(120)])
    found = read_stats(tmp_path / "watch.db", KEEP)
    heartbeat = next(table for table in found.tables if table.name == "heartbeats")
    assert (heartbeat.rows, heartbeat.oldest, found.nodes) == (480, NOW, 1)
    assert found.node_year["heartbeats"] == pytest.approx(heartbeat.bytes / 480 * 2_880 * 7, rel=0.01)
    assert set(found.node_year) == {"heartbeats", "minutes", "hours", "days"}
    assert 100 < found.node_year["minutes"] / (30 * 1_440) < 400
    assert found.bytes >= sum(table.bytes for table in found.tables)


def test_a_database_that_is_not_there_is_named_and_not_made(tmp_path: Path) -> None:
    with pytest.raises(NoSuchDatabase, match="nowhere"):
        read_stats(tmp_path / "nowhere.db", KEEP)
    assert not (tmp_path / "nowhere.db").exists()


def noc(*arguments: str) -> str:
    result = CliRunner().invoke(watch_command, arguments)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_the_command_prints_one_document(store: Store, tmp_path: Path) -> None:
    store.write([Beat("virginia", NOW), Beat("virginia", NOW + 30_000)])
    fleet = write_fleet(tmp_path / "fleet")
    printed = noc("stats", "-C", str(fleet), "--db", str(tmp_path / "watch.db"), "--json")
    document = json.loads(printed)
    assert next(table["rows"] for table in document["tables"] if table["name"] == "heartbeats") == 2


def test_the_command_says_what_a_node_comes_to(store: Store, tmp_path: Path) -> None:
    store.write([Beat("virginia", NOW), Beat("virginia", NOW + 30_000)])
    fleet = write_fleet(tmp_path / "fleet")
    printed = noc("stats", "-C", str(fleet), "--db", str(tmp_path / "watch.db"))
    assert "a node comes to" in printed


@pytest.mark.usefixtures("store")
def test_stats_say_how_long_each_table_is_kept(tmp_path: Path) -> None:
    fleet = write_fleet(tmp_path / "fleet")
    with (fleet / "fleet.toml").open("a") as file:
        file.write("\n[keep]\nminutes = 31\nevents = 91\n")
    printed = noc("stats", "-C", str(fleet), "--db", str(tmp_path / "watch.db"), "--json")
    kept = {table["name"]: table["kept_days"] for table in json.loads(printed)["tables"]}
    assert (kept["rollups"], kept["events"], kept["notes"]) == ([31, 400, 1095], [91], [])


def test_a_coarser_grain_that_goes_before_the_finer_one_is_a_mistake(tmp_path: Path) -> None:
    fleet = write_fleet(tmp_path / "fleet")
    with (fleet / "fleet.toml").open("a") as file:
        file.write("[keep]\nhours = 10\n")
    with pytest.raises(FleetProblems) as caught:
        load(fleet)
    assert [problem.what for problem in caught.value.problems] == ["minutes are kept for longer than hours"]
