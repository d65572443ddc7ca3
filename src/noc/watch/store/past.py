"""What the database remembers when the server starts."""

from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, Select, and_, func, select

from noc.watch.store.records import Beat, Deployment, Incident, JobOutcome, Window
from noc.watch.store.schema import deployments, events, heartbeats, incidents, jobs, server, windows

RETRIES_READ: Final = 64
REOPENED_WITHIN_MS: Final = 86_400_000


@dataclass(frozen=True)
class Past:
    """What the server must know to go on where it stopped. Times are ms UTC.

    Attributes:
        last: each node's newest heartbeat that reported life.
        counted: each node's last pushes, (boot, seq), oldest first.
        open: the open incidents.
        ended: when each node's last incident ended.
        first: when each node was first heard.
        over: the incidents that ended last.
        windows: those of maintenance that nobody has closed.
        baseline: each node's version and generation as its last deployment left them.
        deployments: the deployments that were standing.
        jobs: what became of each job last.
        alive: when the server is last known to have been up; None in an empty database.
        next_incident: the number of the next incident.
    """

    last: dict[str, Beat]
    counted: dict[str, list[tuple[str | None, int]]]
    open: list[Incident]
    ended: dict[str, int]
    first: dict[str, int]
    over: list[Incident]
    windows: list[Window]
    baseline: dict[str, tuple[str | None, int | None]]
    deployments: list[Deployment]
    jobs: list[JobOutcome]
    alive: int | None
    next_incident: int


def read_past(connection: Connection) -> Past:
    """Read it all."""
    names = _pushers(connection)
    newest = func.max(incidents.c.id)
    return Past(
        last={name: beat for name in names if (beat := _last_beat(connection, name))},
        counted={name: _counted(connection, name) for name in names},
        open=_incidents(connection, select(incidents).where(incidents.c.ended.is_(None))),
        over=_over(connection),
        windows=[
            Window(**row._asdict() | {"scope": tuple(row.scope)})
            for row in connection.execute(select(windows).where(windows.c.ended.is_(None)))
        ],
        baseline=_baseline(connection),
        ended=_by_node(connection, select(incidents.c.node, func.max(incidents.c.ended)).group_by(incidents.c.node)),
        first={name: _first_beat(connection, name) for name in names},
        deployments=[Deployment(**row._asdict()) for row in connection.execute(select(deployments))],
        jobs=[JobOutcome(**row._asdict()) for row in connection.execute(select(jobs))],
        alive=_alive(connection),
        next_incident=(connection.scalar(select(newest)) or 0) + 1,
    )


def _incidents(connection: Connection, query: Select[Any]) -> list[Incident]:
    return [Incident(**row._asdict()) for row in connection.execute(query)]


def _over(connection: Connection) -> list[Incident]:
    """Those that may still be opened again: the last one of each node and topic, if it ended within a day."""
    newest = connection.scalar(select(func.max(incidents.c.ended))) or 0
    recent = select(incidents).where(incidents.c.ended > newest - REOPENED_WITHIN_MS).order_by(incidents.c.ended)
    return list({(each.node, each.topic): each for each in _incidents(connection, recent)}.values())


def _baseline(connection: Connection) -> dict[str, tuple[str | None, int | None]]:
    told = select(func.max(events.c.id)).where(events.c.kind == "version").group_by(events.c.node)
    rows = connection.execute(select(events.c.node, events.c.detail).where(events.c.id.in_(told)))
    return {node: (detail["version"], detail["generation"]) for node, detail in rows}


def _by_node(connection: Connection, statement: Any) -> dict[str, int]:  # noqa: ANN401 - any select of two columns
    return {node: at for node, at in connection.execute(statement) if at is not None}


def _pushers(connection: Connection) -> list[str]:
    """Every node of which there is a push: from one to the next along the index, not through all that they pushed."""
    names: list[str] = []
    first = select(func.min(heartbeats.c.node))
    name = connection.scalar(first)
    while name is not None:
        names.append(name)
        name = connection.scalar(first.where(heartbeats.c.node > name))
    return names


def _first_beat(connection: Connection, node: str) -> int:
    at: int = connection.scalar(select(func.min(heartbeats.c.at)).where(heartbeats.c.node == node)) or 0
    return at


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
