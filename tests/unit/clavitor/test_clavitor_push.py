"""The heartbeat against a real HTTP server that plays the monitor."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clavitor.push import Grid, Pusher, _is_yes
from clavitor.release import Identity
from clavitor.telemetry import Telemetry
from clavitor_service import until

READING = Telemetry(200, 10.5, 1.5, 0.1, "ok", 0, 0, 0, None, None, 1000)
IDENTITY = Identity("1.2.3", 4)
Answer = tuple[int, bytes]
YES: Answer = (200, b'{"ok":true}')


class Monitor:
    """Records pushes; `answer` says what the n-th one is told, and None hangs up instead.

    `trickle` is the pause in seconds between two bytes of an answer.
    """

    def __init__(self, answer: Callable[[int], Answer | None] = lambda _: YES, trickle: float = 0) -> None:
        self.paths: list[str] = []
        self.bodies: list[bytes] = []
        self.peers: list[tuple[str, int]] = []
        monitor = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                monitor.peers.append(self.client_address)
                monitor.bodies.append(body)
                monitor.paths.append(self.path)
                told = answer(len(monitor.paths))
                if told is None:
                    self.close_connection = True
                    return
                self.send_response(told[0])
                self.send_header("Content-Length", str(len(told[1])))
                self.end_headers()
                for byte in told[1]:
                    self.wfile.write(bytes([byte]))
                    time.sleep(trickle)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.handle_error = lambda *_: None  # type: ignore[method-assign]
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}/api/push/s3cr3t"

    def queries(self) -> list[dict[str, str]]:
        return [dict(parse_qsl(urlsplit(path).query, keep_blank_values=True)) for path in self.paths]

    def retried(self) -> bool:
        slots = [query["seq"] for query in self.queries()]
        return len(set(slots)) < len(slots)

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


Push = Callable[..., Monitor]


@pytest.fixture
def push() -> Iterator[Push]:
    """Starts a monitor and a pusher that pushes to it."""
    running: list[Monitor | Pusher] = []

    def start(
        answer: Callable[[int], Answer | None] = lambda _: YES,
        interval: float = 30,
        source: str | None = None,
        trickle: float = 0,
    ) -> Monitor:
        monitor = Monitor(answer, trickle)
        pusher = Pusher(urlsplit(monitor.url), IDENTITY, lambda: READING, interval, source)
        pusher.start()
        running.extend((pusher, monitor))
        return monitor

    yield start
    for each in running:
        each.stop() if isinstance(each, Pusher) else each.close()
    ended()


def ended() -> None:
    """Wait until no pusher's thread is left."""
    until(lambda: all(thread.name != "push" for thread in threading.enumerate()), "the end of the pusher")


def test_a_stock_monitor_finds_its_three_parameters_first(push: Push) -> None:
    monitor = push()
    until(lambda: monitor.paths, "a push")
    assert monitor.paths[0].startswith("/api/push/s3cr3t?status=up&msg=OK&ping=&seq=1&")


def test_a_push_names_its_process_and_release(push: Push) -> None:
    monitor = push()
    until(lambda: monitor.paths, "a push")
    query = monitor.queries()[0]
    assert (query["boot"], query["v"]) == (IDENTITY.boot_id, "1.2.3")


def test_the_body_is_the_reading(push: Push) -> None:
    monitor = push()
    until(lambda: monitor.bodies, "a push")
    assert json.loads(monitor.bodies[0]) == READING.as_dict()


def test_slots_are_numbered_and_share_one_connection(push: Push) -> None:
    monitor = push(interval=0.1)
    until(lambda: len(monitor.paths) >= 4, "four pushes")
    assert [query["seq"] for query in monitor.queries()[:4]] == ["1", "2", "3", "4"]
    assert len(set(monitor.peers)) == 1


def test_a_refused_push_is_tried_again_in_its_slot(push: Push) -> None:
    monitor = push(lambda _: (503, b"{}"), interval=1)
    until(monitor.retried, "a retry in the same slot")


@pytest.mark.parametrize("answer", [(200, b"<html>"), (200, b'{"ok":false}'), (200, b"[]"), (404, b'{"ok":true}')])
def test_only_the_monitors_yes_counts(push: Push, answer: Answer) -> None:
    monitor = push(lambda _: answer, interval=1)
    until(monitor.retried, "a retry in the same slot")


def test_a_monitor_that_trickles_its_answer_holds_up_no_next_push(push: Push) -> None:
    monitor = push(lambda number: (200, b" " * 200) if number == 1 else YES, 1, trickle=0.1)
    until(lambda: any(query["seq"] != "1" for query in monitor.queries()), "the next slot", 8)


def test_an_answer_that_nests_without_end_is_no_yes() -> None:
    assert not _is_yes(b"[" * 4096)


def test_a_kept_connection_that_the_monitor_closed_is_replaced_at_once(push: Push) -> None:
    monitor = push(lambda number: None if number == 2 else YES, interval=0.3)
    until(lambda: len(monitor.paths) >= 3, "the second push, again")
    assert [query["seq"] for query in monitor.queries()[:3]] == ["1", "2", "2"]


def test_pushes_leave_from_the_given_address(push: Push) -> None:
    monitor = push(source="127.84.0.11")
    until(lambda: monitor.peers, "a push")
    assert monitor.peers[0][0] == "127.84.0.11"


def test_the_secret_is_not_logged_when_the_monitor_is_gone(caplog: pytest.LogCaptureFixture) -> None:
    monitor = Monitor()
    monitor.close()
    pusher = Pusher(urlsplit(monitor.url), IDENTITY, lambda: READING, 0.2, None)
    pusher.start()
    until(lambda: caplog.records, "a warning")
    pusher.stop()
    ended()
    assert "s3cr3t" not in caplog.text


def test_a_reading_that_fails_does_not_stop_the_heartbeat(caplog: pytest.LogCaptureFixture) -> None:
    def fail() -> Telemetry:
        raise OSError("no /proc here")

    monitor = Monitor()
    pusher = Pusher(urlsplit(monitor.url), IDENTITY, fail, 30, None)
    pusher.start()
    until(lambda: monitor.paths, "a push")
    pusher.stop()
    ended()
    monitor.close()
    assert monitor.bodies == [b"{}"]


@given(st.floats(0, 1e6), st.floats(0.1, 3600), st.floats(0, 1e5))
def test_every_next_slot_lies_on_the_grid_and_within_one_interval(start: float, interval: float, later: float) -> None:
    grid = Grid.draw(start, interval)
    now = start + later
    slot = grid.after(now)
    steps = (slot - start - grid.phase) / interval
    assert now < slot <= now + interval * (1 + 1e-6) + 1e-6
    assert abs(steps - round(steps)) < 1e-3
    assert 0 < grid.phase <= interval
