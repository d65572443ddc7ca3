"""What the second witness saw, read back from the database."""

from typing import Any

from sqlalchemy import Engine, Select, func, select

from noc.watch.store.records import Sighting
from noc.watch.store.schema import probes

_COLUMNS = tuple(column for column in probes.c if column.name != "id")


def last_sightings(engine: Engine) -> dict[str, Sighting]:
    """The newest look at each node's public address, by the node's name; runs in a thread of its own."""
    newest = select(func.max(probes.c.id)).group_by(probes.c.node)
    return {sighting.node: sighting for sighting in _read(engine, select(*_COLUMNS).where(probes.c.id.in_(newest)))}


def sightings(engine: Engine, node: str, limit: int) -> list[Sighting]:
    """The looks at a node's public address, the newest first; runs in a thread of its own."""
    return _read(
        engine,
        select(*_COLUMNS).where(probes.c.node == node).order_by(probes.c.at.desc(), probes.c.id.desc()).limit(limit),
    )


def _read(engine: Engine, query: Select[Any]) -> list[Sighting]:
    with engine.connect() as connection:
        return [Sighting(**row) for row in connection.execute(query).mappings()]
