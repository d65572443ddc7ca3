"""What a briefing speaks of, read from the database and from the nodes' states."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Engine, func, or_, select
from sqlalchemy.exc import SQLAlchemyError

from noc.watch.errors import StoreTrouble
from noc.watch.store.outbox import WAITING
from noc.watch.store.records import Incident
from noc.watch.store.schema import events, incidents, outbox, windows
from noc.watch.store.sightings import last_sightings

DAY_MS: Final = 86_400_000
MOST_INCIDENTS: Final = 500


@dataclass(frozen=True)
class Facts:
    """A day of the fleet. Times are ms UTC.

    Attributes:
        at: when the day ended; it is 24 hours long.
        incidents: those that are open, or ended within the day.
        states: every node's state.
        silences: what is silenced now, and until when.
        certificates: until when each node's certificate is good, where that was seen.
        versions: the versions that nodes were seen to change to within the day, by node.
        waiting: how many messages each channel could not send yet.
    """

    at: int
    incidents: tuple[Incident, ...]
    states: Mapping[str, str]
    silences: tuple[tuple[str, int], ...]
    certificates: Mapping[str, int]
    versions: Mapping[str, str]
    waiting: Mapping[str, int]


def read_facts(engine: Engine, states: Mapping[str, str], at: int) -> Facts:
    """Read a day's facts; runs in a thread of its own. Raises StoreTrouble."""
    try:
        return Facts(
            at=at,
            incidents=_incidents(engine, at),
            states=states,
            silences=_silences(engine, at),
            certificates=_certificates(engine),
            versions=_versions(engine, at),
            waiting=_waiting(engine, at),
        )
    except SQLAlchemyError as error:
        raise StoreTrouble("the day's briefing cannot be read", why=type(error).__name__) from error


def _incidents(engine: Engine, at: int) -> tuple[Incident, ...]:
    of_the_day = or_(incidents.c.ended.is_(None), incidents.c.ended > at - DAY_MS)
    with engine.connect() as connection:
        rows = connection.execute(select(incidents).where(of_the_day).order_by(incidents.c.id).limit(MOST_INCIDENTS))
        return tuple(Incident(**row) for row in rows.mappings())


def _silences(engine: Engine, at: int) -> tuple[tuple[str, int], ...]:
    query = select(windows.c.scope, windows.c.starts, windows.c.minutes)
    with engine.connect() as connection:
        rows = connection.execute(query.where(windows.c.kind == "silence", windows.c.ended.is_(None)))
        ends = [(", ".join(scope), starts + minutes * 60_000) for scope, starts, minutes in rows if starts is not None]
    return tuple((scope, until) for scope, until in ends if until > at)


def _certificates(engine: Engine) -> dict[str, int]:
    seen = last_sightings(engine)
    return {name: each.certificate_until for name, each in seen.items() if each.certificate_until is not None}


def _versions(engine: Engine, at: int) -> dict[str, str]:
    query = select(events.c.node, events.c.detail).where(events.c.kind == "version", events.c.at > at - DAY_MS)
    with engine.connect() as connection:
        return {node: str(detail.get("version")) for node, detail in connection.execute(query.order_by(events.c.id))}


def _waiting(engine: Engine, at: int) -> dict[str, int]:
    stuck = (WAITING, outbox.c.attempts > 0, or_(outbox.c.due.is_(None), outbox.c.due <= at))
    query = select(outbox.c.channel, func.count()).where(*stuck).group_by(outbox.c.channel)
    with engine.connect() as connection:
        return {row[0]: row[1] for row in connection.execute(query)}
