"""A steady load on a node's public name over strict TLS; counts what was sent and what was not answered.

As a program: `steady_load.py HOSTNAME ADDRESS TRUST SECONDS [--senders N] [--stream] [--fresh] [--until FILE] [--least
N]`, which prints one JSON document: requests sent, which failed, why and when, and the seconds of the slowest one. An
address that is a name is looked up for each connection. Half of the senders open a connection for each request, with
`--fresh` all of them; the others keep theirs as browsers do: told to close it, or where it was closed while it was idle
(RFC 9112, 9.6), they open the next one. Half of either kind write, with a body. A stream is one more sender, whose body
takes 5 s to send. Where the machine is slow the load goes on until the least number is sent, for a minute at most.
"""

import argparse
import http.client
import json
import select
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

PAUSE_S = 0.06
PATIENCE_S = 60.0
STREAM_S, PIECES = 5.0, 10
READ, WRITE = ("GET", "/health"), ("POST", "/api/v1/derivation")
BODY = json.dumps({"name": "somebody"}).encode()
ANSWERED = {200, 429}


class Sender(threading.Thread):
    """One client, which sends until the end and never tries a request again."""

    def __init__(self, node: "Node", *, kept: bool, writes: bool) -> None:
        super().__init__()
        self._node, self._kept, self._writes = node, kept, writes
        self.sent, self.slowest, self.failed = 0, 0.0, list[str]()
        self._connection: http.client.HTTPSConnection | None = None

    def run(self) -> None:
        while not self._node.is_over:
            self.sent += 1
            begun = time.monotonic()
            try:
                if (status := self._ask()) not in ANSWERED:
                    self._fail(f"answered {status}")
            except (OSError, http.client.HTTPException) as error:
                self._hang_up()
                self._fail(type(error).__name__)
            self.slowest = max(self.slowest, time.monotonic() - begun)
            time.sleep(PAUSE_S)
        self._hang_up()

    def _fail(self, why: str) -> None:
        kind = f"{'kept' if self._kept else 'fresh'} {' '.join(WRITE if self._writes else READ)}"
        self.failed.append(f"{why} ({kind}, {self._node.hostname}, {datetime.now(UTC):%H:%M:%S.%f})")

    def _ask(self) -> int:
        if self._connection is not None and _was_closed(self._connection):
            self._hang_up()
        connection = self._connection = self._connection or self._node.connect()
        self._send(connection)
        answer = connection.getresponse()
        answer.read()
        if not self._kept or connection.sock is None:
            self._hang_up()
        return answer.status

    def _send(self, connection: http.client.HTTPSConnection) -> None:
        method, path = WRITE if self._writes else READ
        headers = {"Content-Type": "application/json"} if self._writes else {}
        connection.request(method, path, BODY if self._writes else None, headers)

    def _hang_up(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _was_closed(kept: http.client.HTTPSConnection) -> bool:
    """Whether the other side has closed a connection on which no request was under way, as it may at any time."""
    return kept.sock is not None and bool(select.select([kept.sock], [], [], 0)[0])


class Stream(Sender):
    """A client on a poor line: its request is a while on its way."""

    def _send(self, connection: http.client.HTTPSConnection) -> None:
        headers = {"Content-Type": "application/json", "Content-Length": str(len(BODY))}
        connection.request(*WRITE, self._pieces(), headers)

    def _pieces(self) -> Iterator[bytes]:
        size = -(-len(BODY) // PIECES)
        for start in range(0, len(BODY), size):
            time.sleep(STREAM_S / PIECES)
            yield BODY[start : start + size]


class Node:
    """Where the load goes, and until when."""

    def __init__(
        self, hostname: str, address: str, trust: str, seconds: float, *, until: Path | None = None, least: int = 0
    ) -> None:
        self.hostname, self._address, self._until, self._least = hostname, address, until, least
        self.senders: list[Sender] = []
        self._trust = ssl.create_default_context(cafile=trust)
        self._end = time.monotonic() + seconds

    @property
    def is_over(self) -> bool:
        """Whether no further request is to be sent."""
        if self._until is not None and self._until.exists():
            return True
        late = time.monotonic() - self._end
        return late > 0 and (late > PATIENCE_S or sum(sender.sent for sender in self.senders) >= self._least)

    def connect(self) -> http.client.HTTPSConnection:
        """A new connection, verified."""
        connection = http.client.HTTPSConnection(self.hostname, timeout=20, context=self._trust)
        raw = socket.create_connection((self._address, 443), timeout=20)
        connection.sock = self._trust.wrap_socket(raw, server_hostname=self.hostname)
        return connection


def main() -> None:
    """Send, and print what came of it."""
    parser = argparse.ArgumentParser()
    for name in ("hostname", "address", "trust"):
        parser.add_argument(name)
    parser.add_argument("seconds", type=float)
    parser.add_argument("--senders", type=int, default=6)
    parser.add_argument("--stream", action="store_true")
    parser.add_argument("--fresh", action="store_true")
    parser.add_argument("--until", type=Path)
    parser.add_argument("--least", type=int, default=0)
    given = parser.parse_args()
    node = Node(given.hostname, given.address, given.trust, given.seconds, until=given.until, least=given.least)
    kinds = [(bool(number % 2) and not given.fresh, number // 2 % 2 == 0) for number in range(given.senders)]
    senders = [Sender(node, kept=kept, writes=writes) for kept, writes in kinds]
    senders += [Stream(node, kept=False, writes=True)] if given.stream else []
    node.senders = senders
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    failed = [why for sender in senders for why in sender.failed]
    slowest = max(sender.slowest for sender in senders if not isinstance(sender, Stream))
    print(json.dumps({"sent": sum(sender.sent for sender in senders), "failed": failed, "slowest_s": slowest}))  # noqa: T201


if __name__ == "__main__":
    main()
