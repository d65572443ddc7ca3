"""A real server process: the push listener's answers, judgement, alerts, and what a restart remembers."""

import http.client
import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from noc.watch.judge.rules import Rules
from noc.watch.store.database import Store
from watch_kit import (
    HUB,
    NAMES,
    Pusher,
    Receiver,
    Server,
    address,
    free_port,
    receiving,
    token,
    until,
    write_fleet,
    write_lives,
)

FAST = {"push_interval": 0.3, "sev1_after": 0.6, "recovery_steady": 0.3}
PROGRAM = (
    "from noc.watch.alerts import patience; from noc.watch.service import watch; "
    "patience.FIRST_PAUSE_S = watch.REBUILD_PAUSE_S = 0.1; "
    "from noc.cli.main import run; run()"
)


@pytest.fixture(scope="module")
def quiet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with the plan's own times, for everything that does not wait."""
    folder = tmp_path_factory.mktemp("quiet")
    with Server(folder, write_fleet(folder / "fleet", live=NAMES[:2])) as server:
        yield server


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture(scope="module")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database that is migrated, so that not every server has to."""
    path = tmp_path_factory.mktemp("empty") / "watch.db"
    Store(path).close()
    return path


@pytest.fixture
def fast(tmp_path: Path, receiver: Receiver, empty_database: Path) -> Iterator[Server]:
    """A server with short times, of which only frankfurt is live, and a receiver for its alerts."""
    fleet = write_fleet(tmp_path / "fleet", live=["frankfurt"], ntfy=receiver.url, **FAST)
    shutil.copy(empty_database, tmp_path / "watch.db")
    server = Server(tmp_path, fleet, program=PROGRAM)
    server.start()
    try:
        yield server
    finally:
        server.kill()


def told(receiver: Receiver) -> list[tuple[int, str]]:
    """Priority and title of each message."""
    return [(document["priority"], document["title"]) for _, document, _ in list(receiver.got)]


def keep_pushing(server: Server, boot: str, seconds: float, *, first: int = 1) -> None:
    """Push as a service with this boot does."""
    end = time.monotonic() + seconds
    push_until(server, boot, lambda: time.monotonic() > end, first=first)


def push_until(server: Server, boot: str, condition: Callable[[], Any], *, first: int = 1) -> None:
    """Push as a service with this boot does, until the condition holds."""
    numbers = count(first)
    with Pusher("frankfurt", server.port) as pusher:

        def pushed() -> Any:
            assert pusher.push(f"status=up&seq={next(numbers)}&boot={boot}&v=1.0.0")[0] == 200
            return condition()

        until(pushed, within=20, what="what the pushes bring about")


def die(server: Server) -> None:
    """Report a death, as the helper beside the service does."""
    assert server.push("frankfurt", "status=down&msg=killed-KILL&boot=")[0] == 200


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "PATCH"])
def test_every_method_stores(quiet: Server, method: str) -> None:
    status, body, headers = quiet.push("virginia", f"status=up&msg=by-{method}&ping=", method=method)
    assert (status, body) == (200, b'{"ok":true}')
    assert headers["content-type"] == "application/json; charset=utf-8"
    newest = quiet.ask("/api/v1/nodes/virginia/heartbeats?limit=1")[1]["heartbeats"][0]
    assert newest["msg"] == f"by-{method}"


@pytest.mark.parametrize(("method", "status"), [("HEAD", 200), ("OPTIONS", 204)])
def test_head_and_options_store_nothing(quiet: Server, method: str, status: int) -> None:
    assert quiet.push("virginia", f"msg=by-{method}", method=method)[0] == status
    beats = quiet.ask("/api/v1/nodes/virginia/heartbeats")[1]["heartbeats"]
    assert not any(beat["msg"] == f"by-{method}" for beat in beats)


@pytest.mark.parametrize(
    "path", ["/api/push/unknown", "/api/push", "/api/push/", f"/api/push/{token('virginia')}/x", "/", "/api/v1/nodes"]
)
def test_any_other_path_is_not_found_as_json(quiet: Server, path: str) -> None:
    status, body, _ = quiet.push("virginia", path=path)
    assert (status, json.loads(body)) == (404, {"ok": False, "msg": "Monitor not found or not active."})


def test_an_impossible_ping_is_answered_as_kuma_does(quiet: Server) -> None:
    status, body, _ = quiet.push("virginia", "ping=-1")
    assert (status, json.loads(body)["ok"]) == (404, False)


def test_the_server_names_neither_itself_nor_its_version(quiet: Server) -> None:
    headers = quiet.push("virginia")[2]
    assert "server" not in headers
    assert set(headers) <= {"date", "content-type", "content-length"}


def test_a_token_from_another_nodes_address_looks_unknown_and_is_an_event(quiet: Server) -> None:
    with Pusher("virginia", quiet.port, source=address("singapore")) as stranger:
        answers = [stranger.push()[:2], stranger.push()[:2], stranger.push(path="/api/push/unknown")[:2]]
    assert len(set(answers)) == 1
    assert answers[0][0] == 404
    events = until(lambda: quiet.events("foreign-token"))
    assert [(event["node"], event["detail"]["sender"]) for event in events] == [("virginia", "singapore")]


def test_no_token_is_ever_logged(quiet: Server) -> None:
    quiet.push("virginia", source=address("singapore"))
    with socket.create_connection((HUB, quiet.port)) as broken:
        broken.sendall(f"GET /api/push/{token('virginia')} HTTP/9.9\x00\r\n\r\n".encode())
        broken.recv(100)
    assert "token-of" not in quiet.log.read_text()


def test_a_bad_body_still_counts_as_a_heartbeat(quiet: Server) -> None:
    status, body, _ = quiet.push("virginia", "msg=odd-body", body=b"{")
    assert (status, json.loads(body)) == (200, {"ok": True, "warn": "the body is not JSON"})


def test_a_body_that_is_too_large_counts_and_ends_the_connection(quiet: Server) -> None:
    status, body, headers = quiet.push("virginia", "msg=large", body=b" " * 20_000)
    assert (status, json.loads(body)["ok"], headers["connection"]) == (200, True, "close")


def test_a_head_that_does_not_end_is_hung_up_on(quiet: Server) -> None:
    with socket.create_connection((HUB, quiet.port), timeout=10) as endless:
        with suppress(ConnectionError):
            for number in range(40):
                endless.sendall(
                    b"GET /api/push/x HTTP/1.1\r\n" if number == 0 else b"x-filler: " + b"y" * 4_000 + b"\r\n"
                )
        with suppress(ConnectionError):
            assert endless.recv(100) == b""


def test_one_address_cannot_take_all_connections(quiet: Server) -> None:
    crowd = [socket.create_connection((HUB, quiet.port), source_address=("127.84.0.99", 0)) for _ in range(70)]
    try:
        crowd[-1].settimeout(5)
        with suppress(ConnectionError):
            assert crowd[-1].recv(1) == b""
        assert quiet.push("virginia")[0] == 200
    finally:
        for each in crowd:
            each.close()


def test_telemetry_is_shown_with_the_last_heartbeat(quiet: Server) -> None:
    quiet.push("virginia", "seq=900&boot=t&v=1.2.3", body=b'{"ram_mb": 41.5, "queue": 3}')
    last = quiet.node("virginia")["last_heartbeat"]
    assert (last["seq"], last["version"], last["telemetry"]) == (900, "1.2.3", {"ram_mb": 41.5, "queue": 3})


def test_a_retry_is_acknowledged_and_counted_once(quiet: Server) -> None:
    assert [quiet.push("virginia", "seq=77&boot=retry&msg=retry")[0] for _ in range(3)] == [200] * 3
    beats = quiet.ask("/api/v1/nodes/virginia/heartbeats")[1]["heartbeats"]
    assert sum(beat["msg"] == "retry" for beat in beats) == 1


def test_a_planned_node_is_pending(quiet: Server) -> None:
    assert (quiet.node("singapore")["life"], quiet.node("singapore")["state"]) == ("planned", "pending")


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/api/v1/nodes/nowhere/heartbeats", None, 404),
        ("GET", "/api/v1/events?after=x", None, 422),
        ("PUT", "/api/v1/nodes/virginia/deployment", {"run": "r"}, 422),
        ("PUT", "/api/v1/nodes/virginia/deployment", {"run": "r", "until": "2020-01-01T00:00:00Z"}, 422),
        ("PUT", "/api/v1/nodes/virginia/deployment", {"run": "r", "until": "2999-01-01T00:00:00Z"}, 422),
        ("PUT", "/api/v1/nodes/virginia/deployment", {"run": "r", "until": "2026-01-01T00:00:00"}, 422),
        ("DELETE", "/api/v1/nodes/virginia/deployment", None, 204),
    ],
)
def test_the_local_api_refuses_what_it_cannot_act_on(
    quiet: Server, method: str, path: str, body: Any, status: int
) -> None:
    assert quiet.ask(path, method, body)[0] == status


def test_a_broken_fleet_file_keeps_the_old_one_and_names_its_problems(quiet: Server) -> None:
    file = quiet.fleet / "fleet.toml"
    good = file.read_text()
    file.write_text(
        good.replace(f'tunnel = "{address("singapore")}"', 'tunnel = "10.9.9.9"').replace('"us-east-1"', '"mars"')
    )
    try:
        status, document = quiet.ask("/api/v1/reload", "POST")
    finally:
        file.write_text(good)
    assert status == 422
    assert len(document["error"]["problems"]) >= 2
    assert quiet.node("singapore")["life"] == "planned"


def test_the_unix_socket_is_for_its_owner_and_group(quiet: Server) -> None:
    assert quiet.socket.stat().st_mode & 0o777 == 0o660


def test_the_database_is_for_its_owner(quiet: Server) -> None:
    assert quiet.database.stat().st_mode & 0o077 == 0


def test_missed_pushes_open_escalate_and_close_and_each_is_told(fast: Server, receiver: Receiver) -> None:
    keep_pushing(fast, "b1", 0.3)
    until(lambda: any(priority == 5 for priority, _ in told(receiver)), what="SEV1 is told")
    keep_pushing(fast, "b1", 0.3, first=50)
    until(lambda: len(told(receiver)) == 3, what="the recovery is told")
    assert [priority for priority, _ in told(receiver)] == [4, 5, 3]
    incident = fast.incidents()[0]
    assert (incident["cause"], incident["severity"], incident["node"]) == ("missed", "SEV1", "frankfurt")
    assert [step["what"] for step in incident["history"]] == ["opened", "escalated", "closed"]


def test_an_incident_starts_at_the_exact_expiry_and_is_recorded_at_once(fast: Server) -> None:
    keep_pushing(fast, "b1", 0.3)
    last = fast.node("frankfurt")["last_heartbeat"]["at"]
    incident = until(fast.incidents, what="the incident opens")[0]
    gap = datetime.fromisoformat(incident["started_at"]) - datetime.fromisoformat(last)
    assert abs(gap - timedelta(seconds=Rules(interval=FAST["push_interval"]).window)) < timedelta(milliseconds=5)


def test_a_killed_service_is_told_at_once_and_closed_by_a_steady_new_process(fast: Server, receiver: Receiver) -> None:
    keep_pushing(fast, "b1", 0.3)
    die(fast)
    until(lambda: told(receiver), within=5, what="the death is told")
    assert told(receiver)[0] == (4, "SEV2 frankfurt: its service died")
    assert "SIGKILL" in receiver.got[0][1]["message"]
    push_until(fast, "b2", lambda: len(told(receiver)) == 2)
    assert fast.node("frankfurt")["state"] == "up"


def test_a_death_during_a_deployment_is_an_event_of_the_run_and_told_to_nobody(
    fast: Server, receiver: Receiver
) -> None:
    keep_pushing(fast, "b1", 0.3)
    deadline = (datetime.now(UTC) + timedelta(seconds=60)).isoformat()
    assert fast.ask("/api/v1/nodes/frankfurt/deployment", "PUT", {"run": "r7", "until": deadline})[0] == 200
    assert fast.node("frankfurt")["deployment"] == "r7"
    die(fast)
    until(lambda: fast.events("missed"), what="pushes are missed")
    fast.push("frankfurt", "status=up&seq=1&boot=b2")
    assert fast.ask("/api/v1/nodes/frankfurt/deployment", "DELETE")[0] == 204
    keep_pushing(fast, "b2", 0.5, first=100)
    assert fast.events("death")[0]["detail"]["run"] == "r7"
    assert (fast.incidents(), told(receiver)) == ([], [])


def test_a_push_whose_body_is_slow_counts_from_when_it_is_whole(fast: Server) -> None:
    with socket.create_connection((HUB, fast.port), source_address=(address("frankfurt"), 0)) as slow:
        head = f"POST /api/push/{token('frankfurt')}?status=up HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n"
        slow.sendall(head.encode())
        until(fast.incidents, what="the incident opens")
        slow.sendall(b"{}")
        assert slow.recv(100).startswith(b"HTTP/1.1 200")
    incident = fast.incidents()[0]
    assert incident["ended_at"] > incident["started_at"]


def test_a_node_that_becomes_live_is_judged_from_then_on(fast: Server) -> None:
    write_lives(fast.fleet, {"frankfurt": "live", "singapore": "live"})
    assert fast.ask("/api/v1/reload", "POST")[0] == 200
    until(lambda: "singapore" in {each["node"] for each in fast.incidents()}, what="singapore is missed")


def test_a_server_that_was_held_up_blames_nobody(fast: Server) -> None:
    keep_pushing(fast, "b1", 0.3)
    assert fast.process is not None
    fast.process.send_signal(signal.SIGSTOP)
    time.sleep(1.2)
    fast.process.send_signal(signal.SIGCONT)
    keep_pushing(fast, "b1", 0.5, first=50)
    assert fast.incidents() == []


def test_a_restart_remembers_and_blames_nobody_for_its_own_absence(fast: Server) -> None:
    keep_pushing(fast, "b1", 0.3)
    fast.kill()
    time.sleep(1)
    fast.start()
    keep_pushing(fast, "b1", 0.5, first=50)
    assert fast.incidents() == []
    assert fast.node("frankfurt")["last_heartbeat"]["boot"] == "b1"


def test_a_restart_keeps_the_open_incident_and_escalates_it(fast: Server, receiver: Receiver) -> None:
    die(fast)
    until(lambda: told(receiver), what="the death is told")
    fast.kill()
    fast.start()
    until(lambda: len(told(receiver)) == 2, what="SEV1 is told")
    assert [incident["id"] for incident in fast.incidents()] == [1]


def test_trouble_with_the_disk_is_503_and_heals(fast: Server) -> None:
    assert fast.push("frankfurt", "seq=1&boot=b")[0] == 200
    with closing(sqlite3.connect(fast.database)) as other:
        other.execute("ALTER TABLE heartbeats RENAME TO away")
        status, body, headers = fast.push("frankfurt", "seq=2&boot=b")
        other.execute("ALTER TABLE away RENAME TO heartbeats")
    assert (status, headers["retry-after"]) == (503, "2")
    assert b"heartbeats" not in body
    until(lambda: fast.push("frankfurt", "seq=2&boot=b")[0] == 200, what="the pushes are stored again")


def test_a_receiver_that_refuses_connections_gets_each_alert_exactly_once(fast: Server, receiver: Receiver) -> None:
    receiver.stop()
    die(fast)
    until(lambda: any(alert["failed_tries"] for alert in fast.incidents()[0]["alerts"]), what="an attempt failed")
    receiver.start()
    until(lambda: receiver.got, within=20, what="the alert is told")
    until(lambda: all(alert["sent_at"] for alert in fast.incidents()[0]["alerts"]), within=20, what="all are sent")
    assert len(receiver.messages()) == len(set(receiver.messages()))


@pytest.mark.parametrize("status", [500, 403, 400])
def test_an_alert_that_was_refused_goes_out_later(fast: Server, receiver: Receiver, status: int) -> None:
    refusals = iter([status, status])
    receiver.behave = lambda: (next(refusals, 200), {}, 0)
    die(fast)
    until(lambda: receiver.got, within=20, what="the alert is told")
    assert receiver.refused == 2


def test_the_receivers_retry_after_is_obeyed(fast: Server, receiver: Receiver) -> None:
    refusals = iter([429])
    receiver.behave = lambda: (next(refusals, 200), {"Retry-After": "1"}, 0)
    die(fast)
    until(lambda: receiver.refused, what="the receiver refused once")
    refused = time.monotonic()
    until(lambda: receiver.got, what="the alert is told")
    assert time.monotonic() - refused > 0.9


def test_a_slow_receiver_holds_up_no_push(fast: Server, receiver: Receiver) -> None:
    asked, answer = threading.Event(), threading.Event()

    def behave() -> tuple[int, dict[str, str], float]:
        asked.set()
        answer.wait(20)
        return 200, {}, 0

    receiver.behave = behave
    die(fast)
    assert asked.wait(10)
    keep_pushing(fast, "b2", 0)
    assert not receiver.got
    answer.set()
    until(lambda: receiver.got, what="the alert is told")


def test_an_incident_that_ended_before_its_alert_could_go_out_is_told_as_one_recovery(
    fast: Server, receiver: Receiver
) -> None:
    receiver.stop()
    die(fast)
    push_until(fast, "b2", lambda: fast.incidents()[0]["ended_at"])
    receiver.start()
    until(lambda: receiver.got, within=40, what="the recovery is told")

    def outcomes() -> dict[str, str]:
        return {alert["kind"]: alert["outcome"] for alert in fast.incidents()[0]["alerts"]}

    until(lambda: "waiting" not in outcomes().values(), what="the others are settled")
    assert (outcomes()["opened"], outcomes()["closed"]) == ("told", "sent")
    assert [name.rpartition("-")[2] for name in receiver.messages() if name.startswith("clavitor-1-")] == ["closed"]
    assert told(receiver)[0][1].startswith("Recovered: frankfurt was down")


def test_a_kill_between_alert_and_delivery_loses_no_alert(fast: Server, receiver: Receiver) -> None:
    receiver.stop()
    die(fast)
    fast.kill()
    receiver.start()
    fast.start()
    until(lambda: receiver.got, within=20, what="the alert is told")
    assert receiver.messages()[0].startswith("clavitor-1-")


def test_the_token_for_alerts_comes_from_the_credentials(tmp_path: Path, receiver: Receiver) -> None:
    (tmp_path / "ntfy_token").write_text("tk_secret\n")
    fleet = write_fleet(tmp_path / "fleet", live=["frankfurt"], ntfy=receiver.url, **FAST)
    server = Server(tmp_path, fleet)
    server.start(environment={"CREDENTIALS_DIRECTORY": str(tmp_path)})
    try:
        die(server)
        until(lambda: receiver.got, what="the alert is told")
    finally:
        server.stop()
    assert receiver.got[0][2]["authorization"] == "Bearer tk_secret"
    assert "tk_secret" not in server.log.read_text()


def test_systemd_is_told_when_the_server_is_ready(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notified:
        notified.bind(str(tmp_path / "notify"))
        notified.settimeout(10)
        server = Server(tmp_path, write_fleet(tmp_path / "fleet"))
        server.start(environment={"NOTIFY_SOCKET": str(tmp_path / "notify")})
        first = notified.recv(100)
        server.stop()
        assert (first, notified.recv(100)) == (b"READY=1", b"STOPPING=1")


def test_over_tcp_only_requests_that_name_this_machine_are_answered(tmp_path: Path) -> None:
    port = free_port()
    arguments = ["-C", str(write_fleet(tmp_path / "fleet")), "--db", str(tmp_path / "watch.db")]
    command = [sys.executable, "-c", "from noc.cli.main import run; run()", "watch", "serve", *arguments]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            [*command, "--push-listen", f"{HUB}:{free_port(HUB)}", "--local", f"127.0.0.1:{port}"],
            stdout=log,
            stderr=log,
        )
    try:
        until(lambda: _status(port, "GET", {"Host": "localhost"}) == 200, what="it answers")
        assert _status(port, "GET", {"Host": f"127.0.0.1:{port}"}) == 200
        assert _status(port, "GET", {"Host": "evil.example"}) == 403
        assert _status(port, "POST", {"Host": f"127.0.0.1:{port}", "Origin": "http://evil.example"}) == 403
    finally:
        os.kill(process.pid, signal.SIGTERM)
        process.wait(15)


def _status(port: int, method: str, headers: dict[str, str]) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request(method, "/health" if method == "GET" else "/api/v1/reload", headers=headers)
        return connection.getresponse().status
    except OSError:
        return 0
    finally:
        connection.close()
