"""Strangers who ask nodes over the lab's internet without a pause, and count what fails."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import steady_load
from fleet_kit import Fleet

SECONDS = 120


@contextmanager
def load(
    fleet: Fleet, over: Path, nodes: tuple[str, ...], *, stream: bool
) -> Iterator[dict[str, "subprocess.Popen[str]"]]:
    """Clients of each node, strangers on the lab's network, until a file appears."""
    over.unlink(missing_ok=True)
    clients = {}
    for node in nodes:
        where = (f"{node}.clavitor.com", fleet.lab.address(node), str(fleet.lab.trust_bundle), str(SECONDS))
        more = ("--senders", "4", "--until", str(over), *(("--stream",) if stream else ()))
        clients[node] = fleet.started(fleet.lab.stranger_console(sys.executable, steady_load.__file__, *where, *more))
    try:
        yield clients
    finally:
        over.touch()
        for client in clients.values():
            with client:
                client.wait(60)
