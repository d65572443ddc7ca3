"""The payload check: the real service passes every line, and each broken payload fails the line it breaks."""

import json
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import clavitor
from noc.cli.payload import app
from noc.release.build import build
from noc.release.contract import (
    FIELDS,
    Line,
    database_problem,
    grid,
    healthy,
    one_file,
    telemetry,
    wire,
    within,
)
from noc.release.examination import examine
from noc.release.receiver import Beat

HEALTH = {
    "status": "ok",
    "version": "1.0.0",
    "build": 3,
    "started_at": "2026-01-01T00:00:00Z",
    "boot_id": "b",
    "db": "ok",
}
STRANGE = """
import socket
listener = socket.socket(fileno=3)
while True:
    connection, _ = listener.accept()
    connection.recv(1000)
    connection.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\n[]")
    connection.close()
"""
BODY: dict[str, Any] = {name: types[0]() for name, types in FIELDS.items()}


def beat(sequence: int, at: float = 0.0, *, taken: bool = True, changes: Mapping[str, str] | None = None) -> Beat:
    query = {"status": "up", "msg": "OK", "ping": "", "seq": str(sequence), "boot": "b", "v": "1.0.0"}
    query |= {"t": f"{time.time():.3f}"} | dict(changes or {})
    return Beat(at, "/api/push/x", tuple(query.items()), BODY, taken)


def test_the_service_of_this_checkout_meets_the_contract(tmp_path: Path) -> None:
    (package,) = clavitor.__path__
    payload = build(Path(package), tmp_path, version="1.0.0", build_number=1)
    lines = examine(payload, sys.executable, 50, lambda line: None)
    assert [line for line in lines if not line.ok] == []
    assert len(lines) == 14


def test_a_payload_that_does_not_start_fails_with_its_last_words(tmp_path: Path) -> None:
    payload = tmp_path / "payload"
    payload.write_text("#!/bin/sh\necho 'no such database' >&2\nexit 1\n")
    payload.chmod(0o755)
    result = CliRunner().invoke(app, ["check", str(payload), "--json"])
    assert result.exit_code == 1
    document = json.loads(result.stdout)
    assert document["ok"] is False
    assert "no such database" in document["lines"][-1]["seen"]


def test_a_payload_whose_health_is_another_document_fails_and_is_asked_no_further(tmp_path: Path) -> None:
    payload = tmp_path / "payload"
    payload.write_text(f"#!{sys.executable}\n{STRANGE}")
    payload.chmod(0o755)
    lines = examine(payload, sys.executable, 5, lambda line: None)
    assert [line.ok for line in lines] == [True, False]


def test_a_damaged_archive_fails_and_breaks_nothing(tmp_path: Path) -> None:
    (package,) = clavitor.__path__
    payload = build(Path(package), tmp_path, version="1.0.0", build_number=1)
    content = payload.read_bytes()
    payload.write_bytes(content.replace(b"PK\x01\x02", b"PK\x01\x03"))
    result = CliRunner().invoke(app, ["check", str(payload), "--json"])
    assert result.exit_code == 1
    assert "BadZipFile" in json.loads(result.stdout)["lines"][-1]["seen"]


def test_a_program_for_one_processor_is_one_file_and_is_said_to_be(tmp_path: Path) -> None:
    (tmp_path / "program").write_bytes(b"\x7fELF")
    line = one_file(tmp_path / "program")
    assert line.ok
    assert "one kind of processor" in line.seen


@pytest.mark.parametrize(
    "changes",
    [{"db": "full"}, {"status": "fail"}, {"build": "3"}, {"extra": 1}],
)
def test_health_that_is_not_as_the_contract_says_fails(tmp_path: Path, changes: dict[str, Any]) -> None:
    (tmp_path / "program").write_bytes(b"\x7fELF")
    assert healthy(HEALTH, tmp_path / "program", 0.1, "").ok
    assert not healthy(HEALTH | changes, tmp_path / "program", 0.1, "").ok


def test_health_must_name_the_release_that_the_file_carries(tmp_path: Path) -> None:
    (package,) = clavitor.__path__
    payload = build(Path(package), tmp_path, version="1.0.0", build_number=4)
    assert healthy(HEALTH | {"build": 4}, payload, 0.1, "").ok
    assert not healthy(HEALTH, payload, 0.1, "").ok


@pytest.mark.parametrize(
    "changes",
    [{"status": "down"}, {"boot": "other"}, {"v": "2"}, {"seq": "2"}, {"t": "1"}, {"t": "now"}, {"extra": ""}],
)
def test_a_heartbeat_that_says_anything_else_fails(changes: dict[str, str]) -> None:
    assert wire(beat(1), HEALTH).ok
    assert not wire(beat(1, changes=changes), HEALTH).ok


def test_kumas_parameters_come_first() -> None:
    good = beat(1)
    assert not wire(replace(good, query=good.query[::-1]), HEALTH).ok


@pytest.mark.parametrize(
    "body",
    [None, [], {}, BODY | {"more": 1}, {k: v for k, v in BODY.items() if k != "uptime_s"}, BODY | {"ram_mb": "1"}],
)
def test_telemetry_is_eleven_typed_fields(body: Any) -> None:
    assert telemetry(BODY).ok
    assert not telemetry(body).ok


def test_a_truth_value_is_no_number() -> None:
    assert not telemetry(BODY | {"req_1h": True}).ok


def test_a_refused_heartbeat_must_be_retried_with_its_own_number() -> None:
    beats = [beat(1, 0.0), beat(2, 0.4, taken=False), beat(2, 0.6), beat(3, 1.4), beat(4, 2.4), beat(5, 3.4)]
    assert grid(beats).ok
    assert not grid([each for each in beats if not (each["seq"] == "2" and each.taken)]).ok


def test_heartbeats_that_drift_from_their_grid_fail() -> None:
    assert not grid([beat(2, 0, taken=False), beat(2, 0.1), beat(3, 1), beat(4, 3), beat(5, 5)]).ok


def test_a_figure_is_judged_by_its_limit() -> None:
    assert within("x", 0.7, 0.7, "s") == Line("x", ok=True, seen="0.70 s, at most 0.7")
    assert not within("x", 0.71, 0.7, "s").ok


def test_a_damaged_copy_of_the_database_is_found(tmp_path: Path) -> None:
    import sqlite3

    path = tmp_path / "copy.db"
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE t AS SELECT hex(randomblob(4000)) AS x")
        database.execute("INSERT INTO t SELECT hex(randomblob(4000)) FROM t")
    database.close()
    assert database_problem(path) is None
    content = bytearray(path.read_bytes())
    content[5000:9000] = b"\xff" * 4000
    path.write_bytes(content)
    assert database_problem(path) is not None
