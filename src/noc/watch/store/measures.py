"""Counts over the whole database, for whoever measures the watch itself."""

from dataclasses import dataclass

from sqlalchemy import Engine, func, select

from noc.watch.store.outbox import WAITING
from noc.watch.store.schema import incidents, outbox


@dataclass(frozen=True, slots=True)
class Waiting:
    """What waits on one channel: how many messages, and when the oldest came to be (ms UTC)."""

    messages: int
    oldest: int


@dataclass(frozen=True, slots=True)
class Measures:
    """What is open and what waits.

    Attributes:
        open: open incidents by severity.
        waiting: what waits to be sent, by channel; a channel where nothing waits is not in it.
    """

    open: dict[str, int]
    waiting: dict[str, Waiting]


def read_measures(engine: Engine) -> Measures:
    """Count; runs in a thread of its own."""
    severities = select(incidents.c.severity, func.count()).where(incidents.c.ended.is_(None))
    channels = select(outbox.c.channel, func.count(), func.min(outbox.c.created)).where(WAITING)
    with engine.connect() as connection:
        found = connection.execute(severities.group_by(incidents.c.severity)).all()
        queued = connection.execute(channels.group_by(outbox.c.channel)).all()
    return Measures(
        {severity: count for severity, count in found},  # noqa: C416 - rows are no pairs to a type checker
        {channel: Waiting(count, oldest) for channel, count, oldest in queued},
    )
