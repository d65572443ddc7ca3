"""Heartbeats, the rows that come all day: written past SQLAlchemy's compiler, with their rollups."""

from collections.abc import Sequence
from operator import attrgetter
from typing import Any, Final

import orjson
from sqlalchemy import Connection

from noc.watch.store.records import Beat
from noc.watch.store.rollups import Rollups

_PLAIN: Final = ("node", "at", "up", "msg", "ping", "seq", "boot", "version", "sent", "warn")
_COLUMNS: Final = (*_PLAIN, "telemetry")
_INSERT: Final = f"INSERT INTO heartbeats ({', '.join(_COLUMNS)}) VALUES ({', '.join('?' * len(_COLUMNS))})"  # noqa: S608
_values = attrgetter(*_PLAIN)


class Heartbeats:
    """Adds batches of pushes to the database. For the writer's thread alone."""

    def __init__(self) -> None:
        """Start with nothing in memory."""
        self._rollups = Rollups()

    def add(self, beats: Sequence[Beat], connection: Connection) -> None:
        """Add pushes and what they change in the rollups; where the transaction is not committed, call `forget`."""
        if beats:
            connection.exec_driver_sql(_INSERT, [_row(beat) for beat in beats])
            self._rollups.add(beats, connection)

    def forget(self) -> None:
        """What was added last is not in the database."""
        self._rollups.forget()


def _row(beat: Beat) -> tuple[Any, ...]:
    return (*_values(beat), None if beat.telemetry is None else orjson.dumps(beat.telemetry).decode())
