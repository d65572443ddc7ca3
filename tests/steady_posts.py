"""A steady load of POSTs to a node's public name over strict TLS; counts what was sent and what was not answered.

As a program: `steady_posts.py HOSTNAME ADDRESS TRUST SECONDS`, which prints one JSON document. Half of the senders open
a connection for each request, the others keep theirs as browsers do: told to close it, they open the next one.
"""

import http.client
import json
import socket
import ssl
import sys
import threading
import time

SENDERS = 6
PAUSE_S = 0.06
PATH = "/api/v1/derivation"
BODY = json.dumps({"name": "somebody"})
ANSWERED = {200, 429}


class Sender(threading.Thread):
    """One client, which sends until the end and never tries a request again."""

    def __init__(self, target: tuple[str, str, ssl.SSLContext], until: float, *, kept: bool) -> None:
        super().__init__()
        self._hostname, self._address, self._trust = target
        self._until, self._kept = until, kept
        self.sent, self.failed = 0, list[str]()
        self._connection: http.client.HTTPSConnection | None = None

    def run(self) -> None:
        while time.monotonic() < self._until:
            self.sent += 1
            try:
                if (status := self._post()) not in ANSWERED:
                    self.failed.append(f"answered {status}")
            except (OSError, http.client.HTTPException) as error:
                self._hang_up()
                self.failed.append(type(error).__name__)
            time.sleep(PAUSE_S)
        self._hang_up()

    def _post(self) -> int:
        connection = self._connection = self._connection or self._connect()
        connection.request("POST", PATH, BODY, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        answer.read()
        if not self._kept or connection.sock is None:
            self._hang_up()
        return answer.status

    def _connect(self) -> http.client.HTTPSConnection:
        connection = http.client.HTTPSConnection(self._hostname, timeout=15, context=self._trust)
        raw = socket.create_connection((self._address, 443), timeout=15)
        connection.sock = self._trust.wrap_socket(raw, server_hostname=self._hostname)
        return connection

    def _hang_up(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def main() -> None:
    """Send, and print what came of it."""
    hostname, address, trust, seconds = sys.argv[1:]
    until = time.monotonic() + float(seconds)
    target = (hostname, address, ssl.create_default_context(cafile=trust))
    senders = [Sender(target, until, kept=bool(number % 2)) for number in range(SENDERS)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    failed = [why for sender in senders for why in sender.failed]
    print(json.dumps({"sent": sum(sender.sent for sender in senders), "failed": failed}))  # noqa: T201


if __name__ == "__main__":
    main()
