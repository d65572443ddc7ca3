"""The service put together: one process from its first line in the log to its last answer."""

import asyncio
import logging
import os
import signal
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from functools import partial
from pathlib import Path

from clavitor import page, sessions
from clavitor.access import Access
from clavitor.account_api import AccountApi
from clavitor.app import App, Route
from clavitor.checks import Checks
from clavitor.counters import HourCounter
from clavitor.database import Database, connect, prepare
from clavitor.entry_api import EntryApi
from clavitor.front import Front
from clavitor.front_api import FrontApi
from clavitor.front_page import FrontPage
from clavitor.health import Health
from clavitor.push import Pusher
from clavitor.release import Identity, identify
from clavitor.server import Server, listen
from clavitor.settings import Settings
from clavitor.stretch import Stretcher
from clavitor.telemetry import Gauge, Service, Telemetry

log = logging.getLogger(__name__)

FIRST_CHECKS = 0.5  # seconds that a push may wait for the first round of slow checks


def serve(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT, then finish what was accepted and return.

    Raises:
        ServiceError: the database or the listening socket cannot be had.
    """
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    os.umask(0o077)
    asyncio.run(_serve(settings))


async def _serve(settings: Settings) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    identity = identify()
    prepare(settings.database)
    requests, errors = HourCounter(), HourCounter()
    with (
        closing(Database(settings.database)) as database,
        closing(Stretcher()) as stretcher,
        _front(settings) as front,
    ):
        app = App(_routes(identity, database, stretcher, front), requests, errors)
        listener, held = listen(settings.listen)
        server = Server(listener, app.handle, held=held)
        log.info("clavitor %s build %d serves %s", identity.version, identity.build, settings.domain)
        with _heartbeat(settings, identity, requests, errors):
            await server.run(stop)
    log.info("clavitor %s has finished", identity.version)


def _front(settings: Settings) -> AbstractContextManager[Front | None]:
    """The front door, where the node has a directory."""
    if settings.directory is None:
        return nullcontext()
    return closing(Front(settings.directory, f"https://{settings.domain}"))


def _routes(identity: Identity, database: Database, stretcher: Stretcher, front: Front | None) -> list[Route]:
    access = Access(database)
    health = Route("GET", "/health", Health(identity, database).get)
    vault = [*AccountApi(database, access, stretcher, front).routes(), *EntryApi(database, access).routes()]
    if front is None:
        return [health, *vault, *page.routes()]
    door = FrontApi(front, access)
    return [health, *door.routes(), *door.guarded(vault), *FrontPage(front).routes(), *page.routes()]


def _active_sessions(database: Path) -> int:
    """Counted through a connection of the moment: the caller's thread is neither the writer's nor the reader's."""
    with closing(connect(database)) as connection:
        return sessions.count(connection, time.time())


@contextmanager
def _heartbeat(settings: Settings, identity: Identity, requests: HourCounter, errors: HourCounter) -> Iterator[None]:
    """Pushing for as long as the context is open; nothing at all where no push URL is given."""
    if settings.push_url is None:
        log.info("KUMA_PUSH_URL is not set: nothing is pushed")
        yield
        return
    checks = Checks(settings.database, settings.domain)
    active = partial(_active_sessions, settings.database)
    service = Service(requests.total, errors.total, active, checks.integrity, checks.certificate_days)
    gauge = Gauge(settings.database, service)

    def read() -> Telemetry:
        checks.wait_first_round(FIRST_CHECKS)
        return gauge.read()

    pusher = Pusher(settings.push_url, identity, read, settings.push_interval, settings.push_source)
    checks.start()
    pusher.start()
    try:
        yield
    finally:
        pusher.stop()
        checks.stop()
