"""The process: two listeners around one watch, until it is told to stop."""

import asyncio
import logging
import os
import signal
import socket
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import uvloop

from noc.fleet.storing import Address
from noc.watch.alerts.channels.making import make_channels
from noc.watch.alerts.routing import router
from noc.watch.config import Config, stored_in
from noc.watch.house.eyes import Eyes
from noc.watch.public.publisher import Publisher
from noc.watch.push.ingest import Ingest
from noc.watch.push.listener import PushListener
from noc.watch.server.addresses import Tcp, Unix
from noc.watch.server.faces import Faces
from noc.watch.server.listeners import allow_connections, inherited, listener, open_tcp, open_unix
from noc.watch.server.peers import PeerProtocol
from noc.watch.service.origin import FILE, start_restored
from noc.watch.service.watch import Watch
from noc.watch.store.database import Store
from noc.watch.store.migration import migrate_apart

log = logging.getLogger(__name__)

PROXY_GROUP = "noc-web"
"""Who may connect to the proxy's socket, where this group exists; Caddy is in it, and nobody else."""


def serve(
    fleet_directory: Path,
    database: Path,
    push: Tcp | None,
    local: Tcp | Unix,
    *,
    web: Unix | None = None,
    public: Path | None = None,
    runner: Path | None = None,
) -> None:
    """Run the watch until SIGTERM or SIGINT.

    Args:
        fleet_directory: where fleet.toml and inventory.toml lie.
        database: the SQLite file; made where there is none and the fleet file names no other database. Its directory
            must exist.
        push: where nodes push to; None for the hub's tunnel address and the fleet's push port. A socket that systemd
            holds goes before it: what comes while we start anew waits there.
        local: where the API and the pages are for who is on this machine.
        web: where they are for the proxy, and for who brings a key; None for nowhere.
        public: the folder of the public page; None for no page.
        runner: the runner's socket, for what waits for an approval; None for a watch without one beside it.

    Raises:
        NocError: the fleet cannot be read, an address is taken, or the database cannot be opened.
    """
    config = Config.read(fleet_directory)
    push = push or Tcp(str(config.fleet.hub.tunnel), config.fleet.tunnel.push_port)
    push_socket = inherited() or open_tcp(push)
    local_socket = open_tcp(local) if isinstance(local, Tcp) else open_unix(local)
    web_socket = open_unix(web, group=PROXY_GROUP) if web else None
    os.umask(0o077)
    allow_connections()
    where = stored_in(config.fleet, database)
    migrate_apart(where)
    if isinstance(where, Address):
        _finish_copy(database, where)
    store = Store(where, router(lambda: watch.config.fleet))
    channels = lambda config: make_channels(config.fleet, config.directory)  # noqa: E731 - asked again at each reload
    watch = Watch(config, store, lambda: Config.read(fleet_directory), channels)
    sockets = push_socket, local_socket, web_socket
    try:
        uvloop.run(_run(watch, sockets, public, database.with_name(FILE), runner))
    finally:
        store.close()


def _finish_copy(file: Path, address: Address) -> None:
    """Move what `noc watch migrate` has left; pushes wait in their socket, and systemd is told that it goes on."""
    from noc.watch.store.copying import finish_copy  # noqa: PLC0415 - most fleets have the file

    if count := finish_copy(file, address, lambda: notify("EXTEND_TIMEOUT_USEC=60000000")):
        log.warning("the watch has moved to %s with the last %d rows; %s stays as %s.moved", address, count, file, file)


async def _run(
    watch: Watch,
    sockets: tuple[socket.socket, socket.socket, socket.socket | None],
    public: Path | None,
    origin: Path,
    runner: Path | None,
) -> None:
    """Serve.

    Args:
        watch: not started yet.
        sockets: for pushes, for this machine, for the proxy.
        public: the folder of the public page.
        origin: what a restore of HQ leaves for the watch.
        runner: the runner's socket.
    """
    push_socket, local_socket, web_socket = sockets
    await start_restored(watch, origin)
    ingest = Ingest(watch)
    pushes = PushListener(ingest, ingest.report)
    await pushes.start(push_socket)
    faces = await Faces.open(watch, runner)
    parts = [Eyes(watch).run(), *([Publisher(watch, public).run()] if public else [])]
    listeners = {local_socket: listener(faces.local, PeerProtocol)}
    if web_socket is not None:
        listeners[web_socket] = listener(faces.web)
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    serving = [asyncio.create_task(each.serve([opened])) for opened, each in listeners.items()]
    log.info("pushes on %s, the pages and the API on %s", _name(push_socket), _name(local_socket))
    notify("READY=1")
    try:
        await _until(stopping, watch.fault(), *parts)
    finally:
        notify("STOPPING=1")
        for each in listeners.values():
            each.should_exit = True
        faces.stop()
        await asyncio.gather(pushes.stop(), *serving)
        await watch.stop()


async def _until(stopping: asyncio.Event, *parts: Coroutine[Any, Any, object]) -> None:
    """Run the parts until the end is asked for; raises a fault that comes before it, so that systemd starts us anew."""
    tasks = [asyncio.create_task(part) for part in (stopping.wait(), *parts)]
    done, late = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in late:
        task.cancel()
    await asyncio.gather(*late, return_exceptions=True)
    for task in done:
        task.result()


def notify(state: str) -> None:
    """Tell systemd, where it listens: sd_notify's protocol is one datagram to the socket that NOTIFY_SOCKET names."""
    address = os.environ.get("NOTIFY_SOCKET")
    if address:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.connect("\0" + address[1:] if address.startswith("@") else address)
            sender.send(state.encode())


def _name(opened: socket.socket) -> str:
    name = opened.getsockname()
    return name if isinstance(name, str) else f"{name[0]}:{name[1]}"
