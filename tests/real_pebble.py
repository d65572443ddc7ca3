"""A real Pebble on loopback, without root: a certificate authority that proves names by a name server of ours."""

import json
import os
import ssl
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path
from typing import Protocol

from noc.lab.authority import Authority
from real_knot import free_port, program


class Answering(Protocol):
    """A name server, wherever it has its answers from."""

    @property
    def server(self) -> str:
        """Where it answers, `ADDRESS:PORT`."""
        ...


@dataclass
class Pebble:
    """Where it answers, the root of its own certificate, and the root that it issues under."""

    directory: str
    ca_root: Path
    root: Path
    log: Path


@contextmanager
def real_pebble(work: Path, names: Answering) -> Iterator[Pebble]:
    """It refuses every twentieth nonce, as it does by itself, and waits for nothing."""
    own, (port, management) = Authority(), (free_port(), free_port())
    certificate, key = own.issue("localhost", IPv4Address("127.0.0.1"))
    for name, content in (("own.crt", certificate), ("own.key", key), ("ca.pem", own.root_pem)):
        (work / name).write_bytes(content)
    config = {
        "listenAddress": f"127.0.0.1:{port}",
        "managementListenAddress": f"127.0.0.1:{management}",
        "certificate": str(work / "own.crt"),
        "privateKey": str(work / "own.key"),
        "httpPort": free_port(),
        "tlsPort": free_port(),
    }
    (work / "pebble.json").write_text(json.dumps({"pebble": config}))
    argv = [*program("pebble", "usr/bin/pebble"), "-config", str(work / "pebble.json"), "-dnsserver", names.server]
    made = Pebble(f"https://localhost:{port}/dir", work / "ca.pem", work / "root.pem", work / "pebble.log")
    environment = {**os.environ, "PEBBLE_VA_NOSLEEP": "1"}
    with made.log.open("w") as log, subprocess.Popen(argv, stdout=log, stderr=log, env=environment) as process:
        try:
            made.root.write_bytes(_fetched(f"https://localhost:{management}/roots/0", made))
            yield made
        finally:
            process.terminate()


def _fetched(url: str, pebble: Pebble) -> bytes:
    context = ssl.create_default_context(cafile=str(pebble.ca_root))
    end = time.monotonic() + 20
    while True:
        try:
            with urllib.request.urlopen(url, context=context, timeout=1) as answer:
                content: bytes = answer.read()
                return content
        except OSError:
            assert time.monotonic() < end, pebble.log.read_text()
            time.sleep(0.02)
