"""The watch's database: opened and migrated, written in whole batches, read back at the start."""

import logging
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from functools import singledispatchmethod
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, and_, create_engine, delete, event, func, insert, select, text, update
from sqlalchemy.exc import SQLAlchemyError

from noc.watch.errors import NoSuchFolder, StoreTrouble
from noc.watch.store.outbox import Router, move, note_failure, nowhere, queue_alert, queue_message, settle
from noc.watch.store.records import (
    AlertDropped,
    AlertFailed,
    AlertMoved,
    AlertSent,
    Alive,
    Beat,
    Deployment,
    DeploymentEnded,
    Event,
    Incident,
    IncidentSaved,
    KeyGone,
    KeySaved,
    MessageQueued,
    Prune,
    Record,
    Sighting,
)
from noc.watch.store.schema import HEAD, deployments, events, heartbeats, incidents, keys, probes, server

PRAGMAS = {
    "journal_mode": "WAL",
    "synchronous": "FULL",  # every commit is on the disk before it returns
    "busy_timeout": "5000",
    "journal_size_limit": "16777216",
}
PRUNED_AT_ONCE = 2_000
RETRIES_READ = 64


def _prepare(connection: Any, _record: object) -> None:  # noqa: ANN401 - the driver's own connection
    connection.isolation_level = None  # the driver would commit each DDL statement by itself; `_begin` says BEGIN
    cursor = connection.cursor()
    for pragma, value in PRAGMAS.items():
        cursor.execute(f"PRAGMA {pragma}={value}")
    cursor.close()


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN")


def open_engine(path: Path) -> Engine:
    """An engine on the SQLite file: WAL, and every commit on the disk before it returns.

    Raises:
        NoSuchFolder: its directory is missing or not ours to write.
    """
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise NoSuchFolder(f"cannot keep a database in {path.parent}", fix="make the directory, or name --db FILE")
    engine = create_engine(f"sqlite:///{path}", connect_args={"check_same_thread": False})
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    return engine


def migrate(engine: Engine) -> None:
    """Bring the schema to its head. Alembic is only loaded where there is something to do: it is large."""
    with engine.connect() as connection:
        known = connection.scalar(
            text("SELECT count(*) FROM sqlite_master WHERE name = 'alembic_version'")
        ) and connection.scalar(text("SELECT version_num FROM alembic_version"))
    if known == HEAD:
        return
    logging.getLogger("alembic").setLevel(logging.WARNING)
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415

    alembic = Config()
    alembic.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    with engine.begin() as connection:
        alembic.attributes["connection"] = connection
        command.upgrade(alembic, "head")


@dataclass(frozen=True)
class Past:
    """What the database remembers when the server starts. Times are ms UTC.

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


class Store:
    """Records in, one transaction a batch; what was remembered out."""

    def __init__(self, path: Path, route: Router = nowhere) -> None:
        """Open and migrate the database.

        Args:
            path: the SQLite file; made where there is none.
            route: says to which channels an alert goes; called by the thread that writes.

        Raises:
            NoSuchFolder, StoreTrouble: it cannot be opened.
        """
        self._route = route
        self.engine = open_engine(path)
        try:
            migrate(self.engine)
        except SQLAlchemyError as error:
            raise StoreTrouble(
                f"cannot open {path}", why=_cause(error), fix="check the disk and the file's owner"
            ) from error

    def close(self) -> None:
        """Close every connection."""
        self.engine.dispose()

    def write(self, records: Iterable[Record]) -> None:
        """Write a batch in one transaction; when this returns, it is on the disk.

        Raises:
            StoreTrouble: nothing of it was written.
        """
        rows: dict[str, list[dict[str, Any]]] = {"heartbeats": [], "events": []}
        try:
            with self.engine.begin() as connection:
                for record in records:
                    match record:
                        case Beat():
                            rows["heartbeats"].append(asdict(record))
                        case Event():
                            rows["events"].append(asdict(record))
                        case _:
                            self._save(record, connection)
                if rows["heartbeats"]:
                    connection.execute(insert(heartbeats), rows["heartbeats"])
                if rows["events"]:
                    connection.execute(insert(events), rows["events"])
        except SQLAlchemyError as error:
            raise StoreTrouble(
                "the watch's database refused a write", why=_cause(error), fix="check the disk"
            ) from error

    @singledispatchmethod
    def _save(self, record: Record, _connection: Connection) -> None:
        raise TypeError(f"{record!r} is not a record of the store")

    @_save.register
    def _(self, record: IncidentSaved, connection: Connection) -> None:
        incident = record.incident
        values = asdict(incident)
        if not connection.execute(update(incidents).where(incidents.c.id == incident.id).values(values)).rowcount:
            connection.execute(insert(incidents).values(values))
        if record.alert is not None:
            queue_alert(record, self._route, connection)

    @_save.register
    def _(self, record: Deployment, connection: Connection) -> None:
        connection.execute(delete(deployments).where(deployments.c.node == record.node))
        connection.execute(insert(deployments).values(asdict(record)))

    @_save.register
    def _(self, record: DeploymentEnded, connection: Connection) -> None:
        connection.execute(delete(deployments).where(deployments.c.node == record.node))

    @_save.register
    def _(self, record: Sighting, connection: Connection) -> None:
        connection.execute(insert(probes).values(asdict(record)))

    @_save.register
    def _(self, record: Alive, connection: Connection) -> None:
        if not connection.execute(update(server).values(alive=record.at)).rowcount:
            connection.execute(insert(server).values(id=1, alive=record.at))

    @_save.register
    def _(self, record: Prune, connection: Connection) -> None:
        old = select(heartbeats.c.id).where(heartbeats.c.node == record.node, heartbeats.c.at < record.heartbeats)
        connection.execute(delete(heartbeats).where(heartbeats.c.id.in_(old.limit(PRUNED_AT_ONCE))))
        connection.execute(delete(events).where(events.c.node == record.node, events.c.at < record.events))
        connection.execute(delete(probes).where(probes.c.node == record.node, probes.c.at < record.heartbeats))

    @_save.register(AlertSent)
    @_save.register(AlertDropped)
    def _(self, record: AlertSent | AlertDropped, connection: Connection) -> None:
        settle(record, connection)

    @_save.register
    def _(self, record: AlertFailed, connection: Connection) -> None:
        note_failure(record, connection)

    @_save.register
    def _(self, record: AlertMoved, connection: Connection) -> None:
        move(record, connection)

    @_save.register
    def _(self, record: MessageQueued, connection: Connection) -> None:
        queue_message(record, connection)

    @_save.register
    def _(self, record: KeySaved, connection: Connection) -> None:
        connection.execute(delete(keys).where(keys.c.hash == record.key.hash))
        connection.execute(insert(keys).values(asdict(record.key)))

    @_save.register
    def _(self, record: KeyGone, connection: Connection) -> None:
        connection.execute(delete(keys).where(keys.c.hash == record.hash))

    def past(self) -> Past:
        """Read what the server must know to go on where it stopped.

        Raises:
            StoreTrouble: the database cannot be read.
        """
        try:
            with self.engine.connect() as connection:
                return _past(connection)
        except SQLAlchemyError as error:
            raise StoreTrouble(
                "the watch's database cannot be read", why=_cause(error), fix="check the disk"
            ) from error


def _past(connection: Connection) -> Past:
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


def _cause(error: SQLAlchemyError) -> str:
    """The driver's sentence without the statement and its values, which are nobody's business in a log."""
    return str(getattr(error, "orig", None) or type(error).__name__)
