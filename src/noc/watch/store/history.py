"""What telemetry was over time, from the rollups: few enough points for a chart, whether of an hour or of a year."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, Engine, and_, func, select

from noc.watch.store.rollups import GRAINS
from noc.watch.store.schema import rollups

MOST_POINTS: Final = 1_500
"""A day of minutes, two months of hours, four years of days."""


@dataclass(frozen=True, slots=True)
class Point:
    """What a field was within one bucket, which begins `at` (ms UTC); `count` pushes named it."""

    at: int
    least: float
    most: float
    mean: float
    count: int


@dataclass(frozen=True, slots=True)
class Series:
    """Fields over time.

    Attributes:
        grain: seconds from one bucket to the next; a bucket in which nothing was heard is missing.
        points: field → its points, the oldest first; a field that no push named has none.
    """

    grain: int
    points: dict[str, list[Point]]


def series(
    engine: Engine, node: str, fields: Sequence[str], since: int, until: int, *, grain: int | None = None
) -> Series:
    """How fields of a node went from one time to another, the buckets of both included.

    Args:
        engine: the watch's database.
        node: the node's name.
        fields: names in the telemetry, as `ram_mb`.
        since, until: ms UTC.
        grain: 60, 3,600 or 86,400 seconds; None for the finest that is still kept for that time, and comes to at
            most `MOST_POINTS`.
    """
    with engine.connect() as connection:
        grain = grain or _fitting(connection, node, since, until)
        of_span = and_(rollups.c.node == node, rollups.c.grain == grain, rollups.c.at > since - grain * 1000)
        query = select(rollups.c.at, rollups.c.fields)
        rows = connection.execute(query.where(of_span, rollups.c.at <= until).order_by(rollups.c.at)).all()
    points: dict[str, list[Point]] = {name: [] for name in fields}
    for at, bucket in rows:
        for name in points.keys() & bucket.keys():
            least, most, total, count = bucket[name]
            points[name].append(Point(at, least, most, total / count, count))
    return Series(grain, points)


def _fitting(connection: Connection, node: str, since: int, until: int) -> int:
    """The finest grain that reaches back to `since` in few enough points; else the one that reaches back furthest."""
    fitting = [grain for grain in GRAINS if (until - since) / 1000 / grain <= MOST_POINTS] or [GRAINS[-1]]
    found = {grain: _oldest(connection, node, grain) for grain in fitting}
    oldest = {grain: at for grain, at in found.items() if at is not None}
    first = _day(min(oldest.values(), default=0))
    return next((grain for grain, at in oldest.items() if at <= since or _day(at) == first), fitting[0])


def _day(at: int) -> int:
    """The day of a time: buckets that begin on one day reach back as far."""
    return at // (GRAINS[-1] * 1000)


def _oldest(connection: Connection, node: str, grain: int) -> int | None:
    first = select(func.min(rollups.c.at)).where(rollups.c.node == node, rollups.c.grain == grain)
    at: int | None = connection.scalar(first)
    return at
