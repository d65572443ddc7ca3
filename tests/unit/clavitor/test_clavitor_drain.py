"""No request is lost while the process changes."""

import contextlib
import http.client
import json
import os
import signal
import socket
import threading
import time
from pathlib import Path

import pytest

from clavitor.server import ACCEPTS_A_TURN
from clavitor_service import DEADLINE, Service, until

PAYLOAD = json.dumps({"name": "somebody"})
REQUEST = (
    "POST /api/v1/derivation HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    f"X-Forwarded-For: 192.0.2.%d\r\nContent-Length: {len(PAYLOAD)}\r\n\r\n{PAYLOAD}"
)


class Load:
    """POSTs without a pause, each on a new connection or on kept ones, until told to stop."""

    def __init__(self, service: Service, *, kept: bool, number: int) -> None:
        self.service, self.kept, self.number = service, kept, number
        self.answered, self.lost = 0, list[str]()
        self.over = threading.Event()
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self) -> None:
        connection = self._connect()
        while not self.over.is_set():
            headers = {"Content-Type": "application/json", "X-Forwarded-For": f"192.0.2.{self.number}"}
            try:
                connection.request("POST", "/api/v1/derivation", PAYLOAD, headers)
                answer = connection.getresponse()
                answer.read()
                self.answered += 1
                if answer.status not in {200, 429}:
                    self.lost.append(f"status {answer.status}")
            except (OSError, http.client.HTTPException) as error:
                self.lost.append(repr(error))
                connection.close()
            if not self.kept or connection.sock is None:  # http.client hangs up on Connection: close
                connection.close()
                connection = self._connect()
        connection.close()

    def _connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.service.port, timeout=DEADLINE)


def wait_for_progress(loads: list[Load]) -> None:
    """Wait until every load has got another answer."""
    before = [load.answered for load in loads]
    until(lambda: all(load.answered > n for load, n in zip(loads, before, strict=True)), "progress")


def test_every_post_is_answered_over_restarts_on_a_held_socket(service: Service) -> None:
    service.hold()
    service.start()
    service.wait_healthy()
    loads = [Load(service, kept=number % 2 == 0, number=number) for number in range(4)]
    codes = []
    for _ in range(4):
        wait_for_progress(loads)
        codes.append(service.terminate())
        service.start()
    wait_for_progress(loads)
    for load in loads:
        load.over.set()
    for load in loads:
        load.thread.join(DEADLINE)
    assert ([load.lost for load in loads], codes) == ([[], [], [], []], [0, 0, 0, 0])


def connect(service: Service) -> socket.socket:
    return socket.create_connection(("127.0.0.1", service.port), timeout=DEADLINE)


def read_answer(sock: socket.socket) -> bytes:
    """One whole answer, read as a stream until its length is there or the other side closes."""
    data = b""
    while piece := sock.recv(4096):
        data += piece
        head, separator, rest = data.partition(b"\r\n\r\n")
        if separator and len(rest) >= int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0]):
            break
    return data


def test_a_connection_that_has_not_spoken_yet_is_still_answered_after_sigterm(service: Service) -> None:
    service.start()
    service.wait_healthy()
    with connect(service) as silent:
        assert service.process is not None
        service.process.send_signal(signal.SIGTERM)
        until(lambda: refuses(service), "no longer listening")
        silent.sendall(REQUEST.encode() % 1)
        assert b"connection: close" in read_answer(silent)
    assert service.process.wait(DEADLINE) == 0


def test_a_kept_connection_is_told_to_close_instead_of_being_cut(service: Service) -> None:
    service.start()
    service.wait_healthy()
    with connect(service) as kept:
        kept.sendall(REQUEST.encode() % 1)
        assert b"connection: close" not in read_answer(kept)
        assert service.process is not None
        service.process.send_signal(signal.SIGTERM)
        until(lambda: refuses(service), "no longer listening")
        kept.sendall(REQUEST.encode() % 1)
        answer = read_answer(kept)
    assert answer.startswith(b"HTTP/1.1 200")
    assert b"connection: close" in answer


def test_a_half_sent_request_is_finished_after_sigterm(service: Service) -> None:
    service.start()
    service.wait_healthy()
    request = REQUEST.encode() % 1
    with connect(service) as slow:
        slow.sendall(request[:40])
        time.sleep(0)
        assert service.process is not None
        service.process.send_signal(signal.SIGTERM)
        until(lambda: refuses(service), "no longer listening")
        slow.sendall(request[40:])
        assert read_answer(slow).startswith(b"HTTP/1.1 200")


def test_a_client_that_never_speaks_does_not_hold_up_the_end(service: Service) -> None:
    service.start()
    service.wait_healthy()
    with connect(service):
        assert service.terminate() == 0


def test_what_waits_in_an_own_listener_is_answered_before_it_is_closed(service: Service) -> None:
    service.start()
    service.wait_healthy()
    assert service.process is not None
    os.kill(service.process.pid, signal.SIGSTOP)
    with contextlib.ExitStack() as stack:
        crowd = [stack.enter_context(connect(service)) for _ in range(7 * ACCEPTS_A_TURN)]
        for waiting in crowd:
            waiting.sendall(REQUEST.encode() % 1)
        service.process.send_signal(signal.SIGTERM)
        os.kill(service.process.pid, signal.SIGCONT)
        assert [read_answer(waiting)[:12] for waiting in crowd] == [b"HTTP/1.1 200"] * len(crowd)


def refuses(service: Service) -> bool:
    try:
        with connect(service):
            return False
    except ConnectionRefusedError:
        return True


@pytest.mark.parametrize("sockets", ["0", "2"])
def test_the_number_of_passed_sockets_is_checked(tmp_path: Path, sockets: str) -> None:
    from clavitor.errors import ServiceError
    from clavitor.server import listen

    environment = {"LISTEN_FDS": sockets, "LISTEN_PID": str(os.getpid())}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        if sockets == "0":
            sock, held = listen(("127.0.0.1", 0))
            sock.close()
            assert not held
        else:
            with pytest.raises(ServiceError, match="exactly one"):
                listen(("127.0.0.1", 0))
