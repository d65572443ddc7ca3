"""The heartbeat: one POST a slot to an Uptime-Kuma-compatible push URL, from a thread of its own."""

import http.client
import json
import logging
import random
import socket
import ssl
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import SplitResult, urlencode

from clavitor.release import Identity
from clavitor.telemetry import Telemetry

log = logging.getLogger(__name__)

TIMEOUT = 10.0  # seconds for one attempt
FIRST_PAUSE = 1.0  # seconds before the first retry; doubles from there
MAX_ANSWER = 4096
DROPPED = (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError)


@dataclass(frozen=True, slots=True)
class Grid:
    """Slots `interval` seconds apart at a phase drawn once; the slot before the first one begins at `start`."""

    start: float
    phase: float
    interval: float

    @staticmethod
    def draw(start: float, interval: float) -> "Grid":
        """A grid with a random phase, so that a fleet does not push in step."""
        return Grid(start, interval * (1 - random.random()), interval)  # noqa: S311 - spreads load, guards nothing

    def after(self, now: float) -> float:
        """The first slot later than `now`."""
        first = self.start + self.phase
        return first if now < first else first + self.interval * ((now - first) // self.interval + 1)


class Refused(Exception):
    """The monitor answered, and not with its yes."""


class Pusher:
    """Pushes readings until stopped; a monitor that is slow or gone never reaches the requests' way.

    Args:
        url: without query; its path holds the secret token, so it is never logged.
        identity: of this process.
        read: takes a reading.
        interval: seconds between slots.
        source: the local address to push from, or None.
    """

    def __init__(
        self, url: SplitResult, identity: Identity, read: Callable[[], Telemetry], interval: float, source: str | None
    ) -> None:
        self._url, self._identity, self._read, self._interval = url, identity, read, interval
        self._source = (source, 0) if source else None
        self._connection: http.client.HTTPConnection | None = None
        self._stop = threading.Event()
        self._trouble: str | None = None

    def start(self) -> None:
        """Push once at once, then on the grid, in a thread that never keeps the process alive."""
        threading.Thread(target=self._run, name="push", daemon=True).start()

    def stop(self) -> None:
        """Push no more; an attempt under way is left to end by itself."""
        self._stop.set()

    def _run(self) -> None:
        grid = Grid.draw(time.monotonic(), self._interval)
        sequence = 0
        while not self._stop.is_set():
            sequence += 1
            slot_ends = grid.after(time.monotonic())
            self._fill_slot(sequence, slot_ends)
            self._stop.wait(max(0.0, slot_ends - time.monotonic()))
        self._hang_up()

    def _fill_slot(self, sequence: int, ends: float) -> None:
        """Push one reading, again and again with growing pauses, until it is taken or the slot is over."""
        try:
            body = json.dumps(self._read().as_dict()).encode()
        except Exception:
            log.exception("no telemetry this time; the heartbeat goes out without")
            body = b"{}"
        pause = min(FIRST_PAUSE, self._interval / 4)
        while not self._attempt(sequence, body, ends):
            if time.monotonic() + pause >= ends or self._stop.wait(pause):
                return
            pause *= 2

    def _attempt(self, sequence: int, body: bytes, ends: float) -> bool:
        timeout = max(0.5, min(TIMEOUT, ends - time.monotonic()))
        reused = self._connection is not None
        try:
            self._post(sequence, body, timeout)
        except DROPPED as error:
            self._hang_up()
            # A monitor may close a kept connection between two pushes: that is no failure, a new one is due.
            return self._attempt(sequence, body, ends) if reused else self._failed(type(error).__name__)
        except Refused as error:
            return self._failed(str(error))
        except (OSError, http.client.HTTPException) as error:
            self._hang_up()
            return self._failed(getattr(error, "strerror", None) or type(error).__name__)
        if self._trouble:
            log.info("push: taken again")
        self._trouble = None
        return True

    def _failed(self, why: str) -> bool:
        if why != self._trouble:
            log.warning("push: %s; retrying", why)
        self._trouble = why
        return False

    def _post(self, sequence: int, body: bytes, timeout: float) -> None:
        connection = self._connection = self._connection or self._connect()
        connection.timeout = timeout
        if connection.sock is not None:
            connection.sock.settimeout(timeout)
        # The socket's own timeout begins anew with every byte: a monitor that trickles would hold the thread for hours.
        alarm = threading.Timer(timeout, _cut, [connection])
        alarm.daemon = True
        alarm.start()
        try:
            connection.request("POST", self._target(sequence), body, {"Content-Type": "application/json"})
            with connection.getresponse() as response:
                answer = response.read(MAX_ANSWER + 1)
        finally:
            alarm.cancel()
        if len(answer) > MAX_ANSWER:
            self._hang_up()  # what is left of it would be taken for the next answer
        if response.status != http.client.OK:
            raise Refused(f"answered {response.status}")
        if not _is_yes(answer):
            raise Refused("answered without ok")

    def _connect(self) -> http.client.HTTPConnection:
        host, port = str(self._url.hostname), self._url.port
        if self._url.scheme == "https":
            context = ssl.create_default_context()
            return http.client.HTTPSConnection(host, port, source_address=self._source, context=context)
        return http.client.HTTPConnection(host, port, source_address=self._source)

    def _hang_up(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _target(self, sequence: int) -> str:
        """Path and query: what a stock monitor reads first, then what only ours does."""
        query = urlencode(
            {
                "status": "up",
                "msg": "OK",
                "ping": "",
                "seq": sequence,
                "boot": self._identity.boot_id,
                "v": self._identity.version,
                "t": f"{time.time():.3f}",
            }
        )
        return f"{self._url.path or '/'}?{query}"


def _cut(connection: http.client.HTTPConnection) -> None:
    if (sock := connection.sock) is not None:
        with suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)


def _is_yes(answer: bytes) -> bool:
    try:
        document = json.loads(answer)
    except (ValueError, RecursionError):
        return False
    return isinstance(document, dict) and document.get("ok") is True
