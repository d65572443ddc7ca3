"""Telemetry in PostgreSQL lies in parts by time: made when they are needed, dropped whole, never in anybody's way."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from noc.cli.watch import app as watch_command
from noc.fleet.keeping import Keep
from noc.fleet.storing import Address
from noc.watch.errors import NoSuchDatabase, StoreTrouble
from noc.watch.store.database import Store
from noc.watch.store.parts import DAY_MS, DAYS, Parts
from noc.watch.store.queries import read_heartbeats
from noc.watch.store.records import Beat, Prune, Sighting
from noc.watch.store.stats import read_stats
from postgres_kit import Cluster
from watch_kit import write_fleet

TODAY = 20_000 * DAY_MS  # 2024-10-04
KEEP = Keep()
KEPT = {"rollups_60": KEEP.minutes, "rollups_3600": KEEP.hours, "rollups_86400": KEEP.days}


@pytest.fixture
def store(database: Address) -> Iterator[Store]:
    made = Store(database)
    yield made
    made.close()


def parts(store: Store, table: str) -> list[str]:
    """The names of a table's parts."""
    query = "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = %s::regclass ORDER BY 1"
    with store.engine.connect() as connection:
        return list(connection.exec_driver_sql(query, (table,)).scalars())


def prune(store: Store) -> None:
    """As many bites as there are parts."""
    for _ in range(20):
        store.write([Prune(TODAY, KEEP)])


def test_a_day_of_pushes_is_one_part(store: Store) -> None:
    store.write([Beat("virginia", TODAY + hour * 3_600_000) for hour in range(24)])
    assert parts(store, "heartbeats") == ["heartbeats_20241004"]
    store.write([Beat("virginia", TODAY + DAY_MS)])
    assert parts(store, "heartbeats") == ["heartbeats_20241004", "heartbeats_20241005"]


def test_a_grain_has_parts_of_its_own_width(store: Store) -> None:
    first = TODAY // DAY_MS // 30 * 30 * DAY_MS
    store.write([Beat("virginia", first + day * DAY_MS) for day in range(30)])
    assert [len(parts(store, f"rollups_{grain}")) for grain in (60, 3_600)] == [30, 1]


def test_a_clock_that_was_set_back_has_its_pushes_in_the_part_of_that_day(store: Store) -> None:
    store.write([Beat("virginia", TODAY)])
    store.write([Beat("virginia", TODAY - 400 * DAY_MS)])
    assert len(read_heartbeats(store.engine, "virginia", 9)) == 2


@settings(max_examples=200)
@given(st.sampled_from(sorted(DAYS)), st.integers(0, 40_000), st.integers(0, 5_000))
def test_a_part_goes_when_its_last_row_is_too_old_and_no_day_before(table: str, day: int, age: int) -> None:
    first = day // DAYS[table] * DAYS[table]
    age_of_last_day = age - (DAYS[table] - 1)
    assert Parts.is_over(table, first, KEEP, first + age) == (age_of_last_day > KEPT.get(table, KEEP.heartbeats))


def test_old_parts_are_dropped_and_the_young_ones_stay(store: Store) -> None:
    store.write([Beat("virginia", TODAY - day * DAY_MS) for day in range(20)])
    prune(store)
    assert len(parts(store, "heartbeats")) == KEEP.heartbeats + 1
    assert len(parts(store, "rollups_60")) == 20
    assert len(read_heartbeats(store.engine, "virginia", 99)) == KEEP.heartbeats + 1


def test_old_looks_from_outside_go_with_old_pushes(store: Store) -> None:
    store.write([Sighting("virginia", TODAY - day * DAY_MS, ok=True, stage="", detail="", took_ms=1) for day in (0, 9)])
    prune(store)
    assert parts(store, "probes") == ["probes_20241004"]


def test_a_push_of_a_day_whose_part_was_dropped_is_stored(store: Store) -> None:
    store.write([Beat("virginia", TODAY - 9 * DAY_MS), Beat("virginia", TODAY)])
    prune(store)
    store.write([Beat("virginia", TODAY - 9 * DAY_MS)])
    assert len(read_heartbeats(store.engine, "virginia", 9)) == 2


def test_a_part_in_use_stays_for_now_and_pushes_go_on(store: Store) -> None:
    store.write([Beat("virginia", TODAY - 9 * DAY_MS), Beat("virginia", TODAY)])
    with store.engine.connect() as reader:
        reader.exec_driver_sql("SELECT count(*) FROM heartbeats")
        store.write([Prune(TODAY, KEEP), Beat("virginia", TODAY + 1)])
        assert len(parts(store, "heartbeats")) == 2
    store.write([Prune(TODAY, KEEP)])
    assert len(parts(store, "heartbeats")) == 1
    assert len(read_heartbeats(store.engine, "virginia", 9)) == 2


def test_a_new_part_waits_for_no_reader(store: Store) -> None:
    store.write([Beat("virginia", TODAY)])
    with store.engine.connect() as reader:
        reader.exec_driver_sql("SELECT count(*) FROM heartbeats")
        store.write([Beat("virginia", TODAY + DAY_MS)])
    assert len(parts(store, "heartbeats")) == 2


def test_a_part_that_was_taken_back_with_its_batch_is_made_again(store: Store) -> None:
    with pytest.raises(StoreTrouble):
        store.write([Beat("virginia", TODAY), Beat("virginia", TODAY, msg=None)])  # type: ignore[arg-type]
    store.write([Beat("virginia", TODAY)])
    assert len(read_heartbeats(store.engine, "virginia", 9)) == 1


def test_a_part_that_another_has_made_is_used(store: Store, database: Address) -> None:
    other = Store(database)
    other.write([Beat("frankfurt", TODAY)])
    store.write([Beat("virginia", TODAY)])
    other.close()
    assert parts(store, "heartbeats") == ["heartbeats_20241004"]


def test_a_year_of_a_node_is_predicted_from_what_its_parts_measure(store: Store, database: Address) -> None:
    telemetry: dict[str, float | int | str | None] = {"ram_mb": 412, "disk_pct": 41.5, "uptime_s": 12_345}
    for hour in range(4):
        at = TODAY + hour * 3_600_000
        store.write([Beat("virginia", at + n * 30_000, telemetry=telemetry) for n in range(120)])
    found = read_stats(database, KEEP)
    heartbeat = next(table for table in found.tables if table.name == "heartbeats")
    assert (heartbeat.rows, heartbeat.oldest, found.nodes) == (480, TODAY, 1)
    assert found.node_year["heartbeats"] == pytest.approx(heartbeat.bytes / 480 * 2_880 * 7, rel=0.01)
    assert set(found.node_year) == {"heartbeats", "minutes", "hours", "days"}
    assert [table.name for table in found.tables if not table.bytes] == ["probes"], "no look, so no part"
    assert found.bytes >= sum(table.bytes for table in found.tables)


def test_a_database_without_a_watch_is_named(postgres: Cluster) -> None:
    address = postgres.database()
    with pytest.raises(NoSuchDatabase, match="nothing of the watch"):
        read_stats(address, KEEP)
    postgres.drop(address)


def test_the_command_measures_the_database_that_the_fleet_file_names(
    store: Store, database: Address, tmp_path: Path
) -> None:
    store.write([Beat("virginia", TODAY), Beat("virginia", TODAY + 30_000)])
    fleet = write_fleet(tmp_path / "fleet")
    with (fleet / "fleet.toml").open("a") as file:
        file.write(f'[store]\ndatabase = "{database}"\n')
    arguments = ["stats", "-C", str(fleet), "--db", str(tmp_path / "watch.db")]
    printed = CliRunner().invoke(watch_command, [*arguments, "--json"])
    tables = json.loads(printed.stdout)["tables"]
    assert next(table["rows"] for table in tables if table["name"] == "heartbeats") == 2
    assert "in PostgreSQL" in CliRunner().invoke(watch_command, arguments).stdout
