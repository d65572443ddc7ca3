"""Real SSH from a lab's HQ to its nodes: a relay from a loopback port of this machine, through HQ, to one address.

The relay is a process in HQ's network that was given a listening socket of this machine's: a socket belongs to the
network in which it was made.
"""

import socket
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from noc.hosts.ssh import Target, Trust, connect
from noc.hosts.sshshell import SSHShell
from noc.lab.lab import Lab

_RELAY = """
import contextlib, socket, sys, threading
listener, address = socket.socket(fileno=int(sys.argv[1])), (sys.argv[2], 22)

def copy(source, sink):
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    for end in (source, sink):
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)

def carry(near):
    try:
        far = socket.create_connection(address)
    except OSError:
        return near.close()
    threading.Thread(target=copy, args=(near, far), daemon=True).start()
    copy(far, near)

while True:
    threading.Thread(target=carry, args=(listener.accept()[0],), daemon=True).start()
"""


@dataclass
class Road:
    """The way from HQ to the lab's machines, with a client key that all of them accept."""

    lab: Lab
    key_file: Path
    hq: str = "zurich"
    relays: dict[str, tuple[int, "subprocess.Popen[bytes]"]] = field(default_factory=dict)

    async def connect(self, name: str, address: str, trust: Trust, *, timeout_s: float = 15) -> SSHShell:
        """Log in as root on a machine, by its public or its tunnel address."""
        if address not in self.relays:
            self.relays[address] = self._relay(address)
        target = Target(name, "127.0.0.1", self.key_file, trust, self.relays[address][0])
        return await connect(target, timeout_s=timeout_s)

    def _relay(self, address: str) -> "tuple[int, subprocess.Popen[bytes]]":
        pid = next(row["pid"] for row in self.lab.status()["machines"] if row["name"] == self.hq)
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port, fd = listener.getsockname()[1], listener.fileno()
            argv = ["nsenter", "-t", str(pid), "-n", sys.executable, "-c", _RELAY, str(fd), address]
            return port, subprocess.Popen(argv, pass_fds=[fd])

    def close(self) -> None:
        """End every relay."""
        for _, process in self.relays.values():
            process.kill()
            process.wait(10)
