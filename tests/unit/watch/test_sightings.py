"""What the second witness saw, in the database and out of it."""

from collections.abc import Iterator

import pytest

from noc.fleet.keeping import Keep
from noc.watch.store.database import Store
from noc.watch.store.engine import Where
from noc.watch.store.records import Prune, Sighting
from noc.watch.store.sightings import last_sightings, sightings

DAY = 86_400_000


@pytest.fixture
def store(where: Where) -> Iterator[Store]:
    made = Store(where)
    yield made
    made.close()


def seen(node: str, at: int, *, ok: bool = True) -> Sighting:
    return Sighting(
        node, at, ok=ok, stage="" if ok else "connect", detail="" if ok else "Connection refused", took_ms=12.5,
        version="1.0.0", certificate_from=1, certificate_until=2,
    )  # fmt: skip


def test_a_sighting_is_read_as_it_was_written(store: Store) -> None:
    store.write([seen("virginia", 10)])
    assert last_sightings(store.engine) == {"virginia": seen("virginia", 10)}


def test_the_last_sighting_of_each_node_is_the_one_that_counts(store: Store) -> None:
    store.write([seen("virginia", 10), seen("frankfurt", 10), seen("virginia", 20, ok=False)])
    assert last_sightings(store.engine) == {
        "virginia": seen("virginia", 20, ok=False),
        "frankfurt": seen("frankfurt", 10),
    }


def test_a_nodes_sightings_come_newest_first_and_no_more_than_asked_for(store: Store) -> None:
    store.write([seen("virginia", at) for at in (10, 20, 30)] + [seen("frankfurt", 40)])
    assert [each.at for each in sightings(store.engine, "virginia", 2)] == [30, 20]


def test_old_sightings_go_with_old_heartbeats(store: Store) -> None:
    keep = Keep(heartbeats=1)
    store.write([seen("virginia", 10), seen("virginia", 5 * DAY), seen("frankfurt", 10)])
    for _ in range(4):  # one node a bite
        store.write([Prune(at=3 * DAY, keep=keep)])
    assert [each.at for each in sightings(store.engine, "virginia", 9)] == [5 * DAY]
    assert sightings(store.engine, "frankfurt", 9) == []
