"""A steady load on many nodes from a stranger's machine, over strict TLS: what was sent, what was not answered.

`load.py TRUST STOP HOSTNAME=ADDRESS…` sends until the file STOP is there and prints one JSON document. Five senders a
node: reads and writes, each over new connections and over a kept one, and a body that takes 5 s to arrive. None of
them tries a request again; told to close a connection, a sender opens the next one, as browsers do.
"""

import http.client
import json
import socket
import ssl
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

PAUSE_S = 0.4
WITHIN_S = 30
LONGEST_S = 900
STREAM_S, PIECES = 5.0, 10
WRITE = "/api/v1/derivation"
READ = "/health"
BODY = json.dumps({"name": "somebody"}).encode()
ANSWERED = {200, 429}
JSON = {"Content-Type": "application/json"}


@dataclass
class Count:
    """What one sender saw."""

    sent: int = 0
    streams: int = 0
    slowest_s: float = 0.0
    failed: Counter[str] = field(default_factory=Counter)


class Sender(threading.Thread):
    """One client of one node."""

    def __init__(self, target: tuple[str, str, ssl.SSLContext], over: Callable[[], bool], kind: str) -> None:
        super().__init__()
        self._hostname, self._address, self._trust = target
        self._over, self._kind = over, kind
        self._connection: http.client.HTTPSConnection | None = None
        self.count = Count()

    def run(self) -> None:
        while not self._over():
            self._once()
            time.sleep(PAUSE_S)
        self._hang_up()

    def _once(self) -> None:
        self.count.sent += 1
        self.count.streams += self._kind == "stream"
        started = time.monotonic()
        try:
            if (status := self._ask()) not in ANSWERED:
                self.count.failed[f"answered {status}"] += 1
        except (OSError, http.client.HTTPException) as error:
            self._hang_up()
            self.count.failed[type(error).__name__] += 1
        took = time.monotonic() - started - (STREAM_S if self._kind == "stream" else 0)
        self.count.slowest_s = max(self.count.slowest_s, took)

    def _ask(self) -> int:
        connection = self._connection = self._connection or self._connect()
        if self._kind == "stream":
            length = {"Content-Length": str(len(BODY) + PIECES)}
            connection.request("POST", WRITE, _slowly(), {**JSON, **length})
        elif "write" in self._kind:
            connection.request("POST", WRITE, BODY, JSON)
        else:
            connection.request("GET", READ)
        answer = connection.getresponse()
        answer.read()
        if "kept" not in self._kind or connection.sock is None:
            self._hang_up()
        return answer.status

    def _connect(self) -> http.client.HTTPSConnection:
        connection = http.client.HTTPSConnection(self._hostname, timeout=WITHIN_S, context=self._trust)
        raw = socket.create_connection((self._address, 443), timeout=WITHIN_S)
        connection.sock = self._trust.wrap_socket(raw, server_hostname=self._hostname)
        return connection

    def _hang_up(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _slowly() -> Iterator[bytes]:
    """The same body with a space before each of ten pauses: it takes 5 s."""
    for _ in range(PIECES):
        yield b" "
        time.sleep(STREAM_S / PIECES)
    yield BODY


KINDS = ("new read", "new write", "kept read", "kept write", "stream")


def main() -> None:
    """Send until the stop file is there, and print what came of it."""
    trust, stop, *targets = sys.argv[1:]
    context = ssl.create_default_context(cafile=trust)
    end = time.monotonic() + LONGEST_S

    def over() -> bool:
        return time.monotonic() > end or Path(stop).exists()

    places = [target.split("=", 1) for target in targets]
    senders = [Sender((host, address, context), over, kind) for host, address in places for kind in KINDS]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    counts = [sender.count for sender in senders]
    document = {
        "sent": sum(count.sent for count in counts),
        "streams": sum(count.streams for count in counts),
        "failed": dict(sum((count.failed for count in counts), Counter[str]())),
        "slowest_s": max(count.slowest_s for count in counts),
    }
    print(json.dumps(document))


if __name__ == "__main__":
    main()
