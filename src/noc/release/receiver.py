"""A push receiver on loopback, which stands in for the watch while a payload is examined."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

_MAX_BODY = 64 * 1024


@dataclass(frozen=True)
class Beat:
    """One push as it came in: `at` in monotonic seconds, the query in its order, the body, and whether it was taken."""

    at: float
    path: str
    query: tuple[tuple[str, str], ...]
    body: Any
    taken: bool

    def __getitem__(self, name: str) -> str:
        """A parameter of the query, "" where it is missing."""
        return dict(self.query).get(name, "")


class Receiver:
    """Collects pushes; refuses the first attempt of one slot, so that its retry can be seen.

    Args:
        refuse: number (`seq`) of the slot whose first attempt is answered with 503.
    """

    def __init__(self, refuse: str) -> None:
        self.beats: list[Beat] = []
        self.url = ""
        self._refuse = refuse
        self._news = threading.Condition()

    def take(self, target: str, body: bytes) -> bool:
        """Note a push; returns whether it is taken."""
        parts = urlsplit(target)
        query = tuple(parse_qsl(parts.query, keep_blank_values=True))
        sequence = dict(query).get("seq")
        with self._news:
            refused = sequence == self._refuse and not any(beat["seq"] == sequence for beat in self.beats)
            self.beats.append(Beat(time.monotonic(), parts.path, query, _document(body), not refused))
            self._news.notify_all()
        return not refused

    def wait(self, wanted: Callable[[list[Beat]], bool], timeout_s: float) -> bool:
        """Wait until the pushes so far are as wanted; returns whether they became so in time."""
        with self._news:
            return self._news.wait_for(lambda: wanted(self.beats), timeout_s)


def _document(body: bytes) -> Any:  # noqa: ANN401 - any JSON document
    try:
        return json.loads(body)
    except ValueError:
        return None


@contextmanager
def receiving(token: str, refuse: str = "2") -> Iterator[Receiver]:
    """A receiver that listens until the block ends; its `url` is what a payload gets as KUMA_PUSH_URL."""
    receiver = Receiver(refuse)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 30

        def do_POST(self) -> None:
            length = min(int(self.headers.get("Content-Length") or 0), _MAX_BODY)
            taken = receiver.take(self.path, self.rfile.read(length))
            answer = b'{"ok": true}' if taken else b'{"ok": false}'
            self.send_response(200 if taken else 503)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
            """Say nothing; what came in is in `beats`."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    receiver.url = f"http://127.0.0.1:{server.server_port}/api/push/{token}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
