"""The database by itself: its shape, what it forgets, and what a restart makes of it."""

from collections.abc import Iterator
from dataclasses import replace
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from sqlalchemy import func, select

from noc.fleet.keeping import Keep
from noc.watch.config import Config
from noc.watch.errors import NoSuchFolder, StoreTrouble
from noc.watch.store.database import Store
from noc.watch.store.engine import Where
from noc.watch.store.records import AlertSent, Beat, Event, Incident, IncidentSaved, Prune
from noc.watch.store.schema import HEAD, heartbeats, incidents, metadata, outbox
from watch_kit import to, write_fleet

EPOCH = 1_700_000_000_000
OPEN = Incident(1, "frankfurt", "death", "killed", EPOCH)


@pytest.fixture
def store(where: Where) -> Iterator[Store]:
    store = Store(where, to("ntfy"))
    yield store
    store.close()


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return Config.read(write_fleet(tmp_path / "fleet"))


def count(store: Store, table: object) -> int:
    with store.engine.connect() as connection:
        return int(connection.scalar(select(func.count()).select_from(table)) or 0)  # type: ignore[arg-type]


def is_no_part(name: str | None, kind: str, _parents: object) -> bool:
    """PostgreSQL lists the parts of a table as tables."""
    return kind != "table" or not str(name).startswith("rollups_")


def test_the_migrations_end_at_the_schema(store: Store) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    with store.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"include_name": is_no_part})
        assert context.get_current_revision() == HEAD
        assert compare_metadata(context, metadata) == []


def test_a_directory_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(NoSuchFolder, match="nowhere"):
        Store(tmp_path / "nowhere" / "watch.db")


def test_a_file_that_is_no_database_is_refused_in_words(tmp_path: Path) -> None:
    (tmp_path / "watch.db").write_text("this is not a database, it is a note " * 100)
    with pytest.raises(StoreTrouble, match="not a database"):
        Store(tmp_path / "watch.db")


def test_a_batch_is_written_whole_or_not_at_all(store: Store) -> None:
    store.write([IncidentSaved(OPEN)])
    with pytest.raises(StoreTrouble):
        store.write([Beat("virginia", EPOCH), IncidentSaved(replace(OPEN, id=2))])
    assert (count(store, heartbeats), count(store, incidents)) == (0, 1)


def test_a_nodes_second_open_incident_is_refused_by_the_database_itself(store: Store) -> None:
    store.write([IncidentSaved(OPEN)])
    with pytest.raises(StoreTrouble, match=r"(?i)unique"):
        store.write([IncidentSaved(replace(OPEN, id=2))])


def test_trouble_names_no_statement_and_no_value(store: Store) -> None:
    store.write([IncidentSaved(OPEN)])
    with pytest.raises(StoreTrouble) as caught:
        store.write([IncidentSaved(replace(OPEN, id=2, detail="a secret detail"))])
    assert "secret" not in str(caught.value)
    assert "INSERT" not in str(caught.value)


def test_an_alert_is_queued_with_the_change_that_it_announces(store: Store) -> None:
    store.write(
        [IncidentSaved(OPEN, "opened"), IncidentSaved(replace(OPEN, severity="SEV1", escalated=EPOCH + 9), "escalated")]
    )
    assert (count(store, incidents), count(store, outbox)) == (1, 2)


def test_a_settled_alert_no_longer_waits(store: Store) -> None:
    from noc.watch.alerts.backlog import read_backlog

    store.write([IncidentSaved(OPEN, "opened")])
    [waiting] = read_backlog(store.engine, "ntfy").alerts
    store.write([AlertSent("ntfy", (waiting.id,), EPOCH + 5)])
    assert read_backlog(store.engine, "ntfy").alerts == []


def test_old_heartbeats_are_dropped_and_new_ones_kept(store: Store) -> None:
    store.write([Beat("virginia", EPOCH + number * 86_400_000) for number in range(10)])
    for _ in range(10):
        store.write([Prune(EPOCH + 11 * 86_400_000, Keep())])
    assert count(store, heartbeats) == 6


def test_events_keep_their_order_and_their_numbers(store: Store) -> None:
    from noc.watch.store.queries import read_events

    store.write([Event("boot", "virginia", EPOCH), Event("gap", "virginia", EPOCH)])
    first, second = read_events(store.engine, after=0, limit=10)
    assert (first["kind"], read_events(store.engine, after=first["id"], limit=10)) == ("boot", [second])


def test_a_token_belongs_to_the_node_whose_tunnel_address_it_comes_from(config: Config) -> None:
    owner = next(iter(config.by_token.values()))
    assert config.by_address[str(config.nodes[owner].node.tunnel)] == owner
    assert config.nodes[owner].node.tunnel in {IPv4Address(address) for address in config.by_address}
