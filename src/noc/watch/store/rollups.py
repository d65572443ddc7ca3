"""Telemetry by the minute, the hour and the day: least, most, sum and count of every number that nodes report.

Each beat is added to its three buckets in memory, and the buckets that a batch has changed are written with the batch.
A bucket that is not in memory is read first, inside of the same transaction, so that it goes on exactly where it
stopped: after a restart, after a batch that was taken back, and where the clock was set back into an old minute.
"""

from collections.abc import Sequence
from typing import Any, Final

import orjson
from sqlalchemy import Connection

from noc.watch.store.records import Beat
from noc.watch.store.rows import Place, Row, Rows

GRAINS: Final = (60, 3_600, 86_400)
"""The widths of buckets, in seconds."""

MOST_FIELDS: Final = 64
"""So many names a bucket holds: a pusher that thinks of new ones all the time must not fill the disk."""

Numbers = list[tuple[str, float]]


class Bucket:
    """What one node reported within one minute, hour or day.

    Attributes:
        beats: pushes that reported life.
        deaths: pushes that reported a death.
        fields: field → [least, most, sum, count].
    """

    __slots__ = ("beats", "deaths", "fields")

    def __init__(self, beats: int = 0, deaths: int = 0, fields: dict[str, list[Any]] | None = None) -> None:
        """Start from nothing, or from what was stored."""
        self.beats, self.deaths = beats, deaths
        self.fields: dict[str, list[Any]] = {} if fields is None else fields

    def add(self, *, up: bool, numbers: Numbers) -> None:
        """Count one push, and its numbers."""
        if up:
            self.beats += 1
        else:
            self.deaths += 1
        fields = self.fields
        for name, value in numbers:
            known = fields.get(name)
            if known is not None:
                if value < known[0]:
                    known[0] = value
                elif value > known[1]:
                    known[1] = value
                known[2] += value
                known[3] += 1
            elif len(fields) < MOST_FIELDS:
                fields[name] = [value, value, float(value), 1]

    def row(self, place: Place) -> Row:
        """Its row in the table."""
        return (*place, self.beats, self.deaths, orjson.dumps(self.fields).decode())


class Rollups:
    """The buckets in hand: of each node and width, the one that was touched last. For the writer's thread alone."""

    def __init__(self, rows: Rows) -> None:
        """Start with none: each is read when it is touched first; `rows` is how the database takes them."""
        self._rows = rows
        self._last: dict[tuple[str, int], tuple[int, Bucket]] = {}
        self._ahead: dict[Place, Bucket] = {}

    def add(self, beats: Sequence[Beat], connection: Connection) -> None:
        """Add a batch, and write the buckets that it changed. Call `forget` should the transaction not commit."""
        changed: dict[Place, Bucket] = {}
        if self._rows.ahead:
            self._read_ahead(beats, connection)
        for beat in beats:
            numbers = numbers_of(beat)
            for place in _places(beat):
                if (bucket := changed.get(place)) is None:
                    bucket = changed[place] = self._bucket(place, connection)
                bucket.add(up=beat.up, numbers=numbers)
        if changed:
            self._rows.write_buckets([bucket.row(place) for place, bucket in changed.items()], connection)

    def forget(self) -> None:
        """Trust the table alone: what was added last is not in it."""
        self._last.clear()
        self._ahead.clear()

    def _bucket(self, place: Place, connection: Connection) -> Bucket:
        node, grain, at = place
        last = self._last.get((node, grain))
        if last is not None and last[0] == at:
            return last[1]
        bucket = self._ahead.pop(place, None) or self._read([place], connection)[place]
        self._last[node, grain] = at, bucket
        return bucket

    def _read_ahead(self, beats: Sequence[Beat], connection: Connection) -> None:
        """Read what a batch will ask for, in one go."""
        wanted = {place for beat in beats for place in _places(beat) if self._at(place) != place[2]}
        self._ahead = self._read(list(wanted), connection) if wanted else {}

    def _at(self, place: Place) -> int | None:
        """The start of the bucket in hand, where a place's would be."""
        last = self._last.get(place[:2])
        return None if last is None else last[0]

    def _read(self, places: Sequence[Place], connection: Connection) -> dict[Place, Bucket]:
        """Buckets as they are stored; those that are not are empty."""
        found = {place: Bucket() for place in places}
        for node, grain, at, beats, deaths, fields in self._rows.read_buckets(places, connection):
            found[node, grain, at] = Bucket(beats, deaths, orjson.loads(fields))
        return found


def _places(beat: Beat) -> list[Place]:
    seconds = beat.at // 1000
    return [(beat.node, grain, (seconds - seconds % grain) * 1000) for grain in GRAINS]


def numbers_of(beat: Beat) -> Numbers:
    """The numbers in a push's telemetry, by name."""
    return [
        (name, value) for name, value in (beat.telemetry or {}).items() if type(value) is float or type(value) is int
    ]
