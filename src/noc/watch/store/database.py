"""The watch's database: records in, one transaction a batch; what was remembered out."""

from collections.abc import Iterable
from dataclasses import asdict
from functools import singledispatchmethod
from typing import Any

from sqlalchemy import Connection, delete, insert, update
from sqlalchemy.exc import SQLAlchemyError

from noc.watch.store.engine import Where, in_postgres, open_engine, trouble
from noc.watch.store.heartbeats import Heartbeats
from noc.watch.store.migration import migrate
from noc.watch.store.outbox import Router, move, note_failure, nowhere, queue_alert, queue_message, settle
from noc.watch.store.parts import Parts
from noc.watch.store.past import Past, read_past
from noc.watch.store.pruning import Pruner
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
    IncidentSaved,
    JobOutcome,
    KeyGone,
    KeySaved,
    MessageQueued,
    Note,
    Prune,
    Record,
    Sighting,
    Window,
)
from noc.watch.store.rows import rows_of
from noc.watch.store.schema import deployments, events, incidents, jobs, keys, notes, probes, server, windows


class Store:
    """Records in, one transaction a batch; what was remembered out."""

    def __init__(self, where: Where, route: Router = nowhere) -> None:
        """Open and migrate the database.

        Args:
            where: the SQLite file, made where there is none; or a database of PostgreSQL.
            route: says to which channels an alert goes; called by the thread that writes.

        Raises:
            NoSuchFolder, StoreTrouble: it cannot be opened.
        """
        self._route = route
        self.engine = open_engine(where)
        try:
            migrate(self.engine)
        except BaseException:
            self.engine.dispose()
            raise
        self._parts = Parts()
        self._heartbeats = Heartbeats(rows_of(self.engine, self._parts))
        self._pruner = Pruner(self._parts)
        self._writing: Connection | None = None  # kept: to make one takes longer than to write a push

    def close(self) -> None:
        """Close every connection."""
        self._let_go()
        self.engine.dispose()

    def write(self, records: Iterable[Record]) -> None:
        """Write a batch in one transaction; when this returns, it is on the disk.

        Raises:
            StoreTrouble: nothing of it was written.
        """
        beats: list[Beat] = []
        happened: list[dict[str, Any]] = []
        safe = False
        try:
            connection = self._writing = self._writing or self.engine.connect()
            with connection.begin():
                for record in records:
                    match record:
                        case Beat():
                            beats.append(record)
                        case Event():
                            happened.append(asdict(record))
                        case _:
                            self._save(record, connection)
                self._heartbeats.add(beats, connection)
                if happened:
                    connection.execute(insert(events), happened)
            safe = True
        except SQLAlchemyError as error:
            raise trouble("the watch's database refused a write", error) from error
        finally:
            if not safe:
                self._heartbeats.forget()
                self._parts.forget()
                self._let_go()

    def _let_go(self) -> None:
        connection, self._writing = self._writing, None
        if connection is not None:
            connection.close()

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
        if in_postgres(connection):
            self._parts.ensure("probes", [record.at], connection)
        connection.execute(insert(probes).values(asdict(record)))

    @_save.register
    def _(self, record: Note, connection: Connection) -> None:
        connection.execute(insert(notes).values(asdict(record)))

    @_save.register
    def _(self, record: Window, connection: Connection) -> None:
        connection.execute(delete(windows).where(windows.c.id == record.id))
        connection.execute(insert(windows).values(asdict(record) | {"scope": list(record.scope)}))

    @_save.register
    def _(self, record: Alive, connection: Connection) -> None:
        if not connection.execute(update(server).values(alive=record.at)).rowcount:
            connection.execute(insert(server).values(id=1, alive=record.at))

    @_save.register
    def _(self, record: Prune, connection: Connection) -> None:
        self._pruner.bite(record, connection)

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
    def _(self, record: JobOutcome, connection: Connection) -> None:
        connection.execute(delete(jobs).where(jobs.c.job == record.job))
        connection.execute(insert(jobs).values(asdict(record)))

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
                return read_past(connection)
        except SQLAlchemyError as error:
            raise trouble("the watch's database cannot be read", error) from error
