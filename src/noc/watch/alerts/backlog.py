"""What waits on a channel, read from the database."""

from dataclasses import dataclass
from typing import Final

from sqlalchemy import Engine, RowMapping, case, func, select
from sqlalchemy.exc import SQLAlchemyError

from noc.watch.alerts.deliveries import Note, Waiting
from noc.watch.errors import StoreTrouble
from noc.watch.store.outbox import WAITING
from noc.watch.store.records import Incident
from noc.watch.store.schema import incidents, outbox

_STILL: Final = select(incidents).where(incidents.c.ended.is_(None), incidents.c.parent.is_(None)).limit(100)


@dataclass(frozen=True)
class Backlog:
    """The alerts of incidents, each with its incident as it stands now, and the messages about no incident.

    Attributes:
        still: the open incidents that stand for themselves; None where that cannot be known.
    """

    alerts: list[Waiting]
    notes: list[Note]
    still: list[Incident] | None = None


def read_backlog(engine: Engine, channel: str) -> Backlog:
    """What waits on a channel, the oldest first. Raises StoreTrouble."""
    query = (
        select(outbox, *(column.label(f"i_{column.name}") for column in incidents.c))
        .outerjoin(incidents, incidents.c.id == outbox.c.incident)
        .where(WAITING, outbox.c.channel == channel)
        .order_by(outbox.c.created, outbox.c.id)
    )
    try:
        with engine.connect() as connection:
            rows = connection.execute(query).mappings().all()
            still = [Incident(**row) for row in connection.execute(_STILL).mappings()] if rows else []
    except SQLAlchemyError as error:
        raise StoreTrouble("the waiting alerts cannot be read", why=type(error).__name__) from error
    alerts = [_alert(row) for row in rows if row["i_id"] is not None]
    return Backlog(alerts, [_note(row) for row in rows if row["message"] is not None], still)


def waiting_channels(engine: Engine) -> list[str]:
    """The channels on which anything waits. Raises StoreTrouble."""
    try:
        with engine.connect() as connection:
            return list(connection.scalars(select(outbox.c.channel).where(WAITING).distinct()))
    except SQLAlchemyError as error:
        raise StoreTrouble("the waiting alerts cannot be read", why=type(error).__name__) from error


@dataclass(frozen=True)
class ChannelPast:
    """How a channel did: how much waits, since when (ms UTC); when it last worked, and what it said of what waits."""

    waiting: int = 0
    oldest: int | None = None
    sent: int | None = None
    error: str = ""


def read_channels(engine: Engine) -> dict[str, ChannelPast]:
    """How each channel did that anything was ever queued for; runs in a thread of its own."""
    waits = case((WAITING, 1), else_=0)
    query = select(
        outbox.c.channel,
        func.sum(waits),
        func.min(case((WAITING, outbox.c.created))),
        func.max(outbox.c.sent),
        func.max(case((WAITING, outbox.c.last_error), else_="")),
    ).group_by(outbox.c.channel)
    with engine.connect() as connection:
        return {name: ChannelPast(*past) for name, *past in connection.execute(query)}


def _alert(row: RowMapping) -> Waiting:
    incident = Incident(**{name[2:]: value for name, value in row.items() if name.startswith("i_")})
    return Waiting(row["id"], row["kind"], row["created"], row["attempts"], incident, row["due"])


def _note(row: RowMapping) -> Note:
    return Note(row["id"], row["kind"], row["attempts"], row["expires"], row["message"])
