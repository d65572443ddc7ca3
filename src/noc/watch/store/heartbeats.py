"""Heartbeats, the rows that come all day: written with their rollups."""

from collections.abc import Sequence
from operator import attrgetter
from typing import Any, Final

import orjson
from sqlalchemy import Connection

from noc.watch.store.records import Beat
from noc.watch.store.rollups import Rollups
from noc.watch.store.rows import BEAT, Rows

_values: Final = attrgetter(*BEAT[:-1])


class Heartbeats:
    """Adds batches of pushes to the database. For the writer's thread alone."""

    def __init__(self, rows: Rows) -> None:
        """Start with nothing in memory; `rows` is how the database takes them."""
        self._rows, self._rollups = rows, Rollups(rows)

    def add(self, beats: Sequence[Beat], connection: Connection) -> None:
        """Add pushes and what they change in the rollups; where the transaction is not committed, call `forget`."""
        if beats:
            self._rows.add_beats([_row(beat) for beat in beats], connection)
            self._rollups.add(beats, connection)

    def forget(self) -> None:
        """What was added last is not in the database."""
        self._rollups.forget()


def _row(beat: Beat) -> tuple[Any, ...]:
    return (*_values(beat), None if beat.telemetry is None else orjson.dumps(beat.telemetry).decode())
