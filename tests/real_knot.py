"""A real Knot on loopback, without root: the one that is installed, or the one of the lab's images."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import dns.exception
import dns.message
import dns.query
import pytest

from noc.lab.dns import Knot, tsig_key
from noc.lab.places import Places

LIBRARIES = ("lib/x86_64-linux-gnu", "usr/lib/x86_64-linux-gnu", "lib/aarch64-linux-gnu", "usr/lib/aarch64-linux-gnu")


@dataclass
class NameServer:
    """Where it answers, and the key that it knows."""

    zone: str
    port: int
    key: str
    log: Path

    @property
    def server(self) -> str:
        return f"127.0.0.1:{self.port}"

    def ask(self, name: str, kind: str = "A", *, within_s: float = 5) -> set[str]:
        """What it answers to anybody."""
        answer = dns.query.udp(dns.message.make_query(name, kind), "127.0.0.1", within_s, self.port)
        return {item.to_text() for rrset in answer.answer for item in rrset}


def free_port() -> int:
    with closing(socket.socket()) as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def image_program(path: str) -> list[str]:
    """How a program is started that lies in the lab's internet image; [] where there is no such image."""
    for image in sorted(Places.default().cache.glob(f"*/internet/{path}")):
        root = Path(str(image).removesuffix(path))
        loaders = [*root.glob("lib/ld-linux-*"), *root.glob("lib64/ld-linux-*")]
        if loaders:
            return [str(loaders[0]), "--library-path", ":".join(str(root / each) for each in LIBRARIES), str(image)]
    return []


def program(name: str, path: str) -> list[str]:
    """How a program is started: the installed one, or the lab image's. Leaves the test out where there is neither."""
    found = shutil.which(name, path="/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
    argv = [found] if found else image_program(path)
    if not argv:
        (pytest.fail if os.geteuid() == 0 else pytest.skip)(f"needs {name}: sh tools/packages.sh test")
    return argv


@contextmanager
def real_knot(work: Path, records: Sequence[str] = (), *, zone: str = "example.com") -> Iterator[NameServer]:
    """A zone of its own, with the given records, that may be changed by a key."""
    port, key = free_port(), tsig_key()
    head = [
        f"$ORIGIN {zone}.",
        "$TTL 300",
        "@ SOA ns.lab. hostmaster.lab. 1 3600 600 86400 5",
        "@ NS ns",
        "ns A 127.0.0.1",
    ]
    (work / f"{zone}.zone").write_text("\n".join([*head, *records, ""]))
    knot = Knot(listen=[f"127.0.0.1@{port}"], run=f"{work}", database=f"{work}", zones=f"{work}", updates={zone: key})
    (work / "knot.conf").write_text(knot.conf([zone]))
    server = NameServer(zone, port, key, work / "knot.log")
    with server.log.open("w") as log:
        argv = [*program("knotd", "usr/sbin/knotd"), "-c", str(work / "knot.conf")]
        with subprocess.Popen(argv, stdout=log, stderr=log) as process:
            try:
                _answers(server)
                yield server
            finally:
                process.terminate()


def _answers(server: NameServer) -> None:
    end = time.monotonic() + 20
    while True:
        try:
            if server.ask(server.zone, "SOA", within_s=0.1):
                return
        except (dns.exception.Timeout, OSError):
            pass
        assert time.monotonic() < end, server.log.read_text()
        time.sleep(0.02)
