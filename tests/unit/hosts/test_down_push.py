"""The death push: what reaches HQ, and what never reaches a log."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from noc.hosts.node import down_push

PROGRAM = Path(down_push.__file__)


class Watch:
    """Something that stands at the push URL and answers with the statuses it was given, the last one for ever."""

    def __init__(self, *statuses: int) -> None:
        self.paths: list[str] = []
        left = list(statuses)

        class Handler(BaseHTTPRequestHandler):
            def do_POST(handler) -> None:  # noqa: N805
                self.paths.append(handler.path)
                handler.send_response(left.pop(0) if len(left) > 1 else left[0])
                handler.end_headers()

            def log_message(handler, *_: object) -> None:  # noqa: N805
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/api/push/secret-token"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01})
        self.thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture
def watch() -> Iterator[Watch]:
    made = Watch(200)
    yield made
    made.close()


def run(url: str | None, cause: str = "killed-KILL") -> "subprocess.CompletedProcess[str]":
    environment = {"PATH": os.environ["PATH"]} | ({"KUMA_PUSH_URL": url} if url else {})
    argv = [sys.executable, "-I", "-S", str(PROGRAM), cause]
    return subprocess.run(argv, env=environment, capture_output=True, text=True, timeout=20, check=False)


def test_the_death_is_pushed_with_its_cause(watch: Watch) -> None:
    assert run(watch.url).returncode == 0
    assert watch.paths == ["/api/push/secret-token?status=down&msg=killed-KILL&boot="]


def test_a_query_of_the_url_is_replaced(watch: Watch) -> None:
    run(watch.url + "?status=up&msg=OK&ping=")
    assert watch.paths == ["/api/push/secret-token?status=down&msg=killed-KILL&boot="]


def test_a_cause_cannot_change_the_request(watch: Watch) -> None:
    run(watch.url, "exited-1&status=up HTTP/1.1\r\nX: y")
    assert watch.paths == ["/api/push/secret-token?status=down&msg=exited-1statusupHTTP11Xy&boot="]


def test_a_refused_push_is_tried_again() -> None:
    watch = Watch(503, 200)
    assert run(watch.url).returncode == 0
    watch.close()
    assert len(watch.paths) == 2


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/api/push/secret-token", "secret-token", None])
def test_a_failure_says_nothing_of_the_url(
    url: str | None, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(down_push, "TRY_FOR_S", 0.1)
    monkeypatch.setattr(sys, "argv", ["down_push.py", "exited-1"])
    monkeypatch.delenv("KUMA_PUSH_URL", raising=False)
    if url:
        monkeypatch.setenv("KUMA_PUSH_URL", url)
    assert down_push.main() == 1
    said = "".join(capfd.readouterr())
    assert "the death (exited-1) could not be told to HQ" in said
    assert "secret-token" not in said
