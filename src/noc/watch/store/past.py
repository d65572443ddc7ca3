"""What the database remembers when the server starts."""

from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, and_, func, select

from noc.watch.store.records import Beat, Deployment, Incident
from noc.watch.store.schema import deployments, events, heartbeats, incidents, server

RETRIES_READ: Final = 64


@dataclass(frozen=True)
class Past:
    """What the server must know to go on where it stopped. Times are ms UTC.

    Attributes:
        last: each node's newest heartbeat that reported life.
        counted: each node's last pushes, (boot, seq), oldest first.
        open: the open incidents.
        ended: when each node's last incident ended.
        first: when each node was first heard.
        deployments: the deployments that were standing.
        alive: when the server is last known to have been up; None in an empty database.
        next_incident: the number of the next incident.
    """

    last: dict[str, Beat]
    counted: dict[str, list[tuple[str | None, int]]]
    open: list[Incident]
    ended: dict[str, int]
    first: dict[str, int]
    deployments: list[Deployment]
    alive: int | None
    next_incident: int


def read_past(connection: Connection) -> Past:
    """Read it all."""
    names = list(connection.scalars(select(heartbeats.c.node).distinct()))
    newest = func.max(incidents.c.id)
    return Past(
        last={name: beat for name in names if (beat := _last_beat(connection, name))},
        counted={name: _counted(connection, name) for name in names},
        open=[
            Incident(**row._asdict())
            for row in connection.execute(select(incidents).where(incidents.c.ended.is_(None)))
        ],
        ended=_by_node(connection, select(incidents.c.node, func.max(incidents.c.ended)).group_by(incidents.c.node)),
        first=_by_node(connection, select(heartbeats.c.node, func.min(heartbeats.c.at)).group_by(heartbeats.c.node)),
        deployments=[Deployment(**row._asdict()) for row in connection.execute(select(deployments))],
        alive=_alive(connection),
        next_incident=(connection.scalar(select(newest)) or 0) + 1,
    )


def _by_node(connection: Connection, statement: Any) -> dict[str, int]:  # noqa: ANN401 - any select of two columns
    return {node: at for node, at in connection.execute(statement) if at is not None}


def _last_beat(connection: Connection, node: str) -> Beat | None:
    of_life = and_(heartbeats.c.node == node, heartbeats.c.up)
    newest = heartbeats.c.at.desc(), heartbeats.c.id.desc()
    row = connection.execute(select(heartbeats).where(of_life).order_by(*newest).limit(1)).one_or_none()
    return None if row is None else Beat(**{key: value for key, value in row._asdict().items() if key != "id"})


def _counted(connection: Connection, node: str) -> list[tuple[str | None, int]]:
    counted = and_(heartbeats.c.node == node, heartbeats.c.seq.is_not(None))
    newest = heartbeats.c.at.desc(), heartbeats.c.id.desc()
    last = select(heartbeats.c.boot, heartbeats.c.seq).where(counted).order_by(*newest).limit(RETRIES_READ)
    return [(row.boot, row.seq) for row in reversed(connection.execute(last).all())]


def _alive(connection: Connection) -> int | None:
    known = [connection.scalar(select(func.max(column))) for column in (server.c.alive, events.c.at)]
    return max((at for at in known if at is not None), default=None)
