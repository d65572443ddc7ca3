"""Ctrl-C, a closed terminal, a halt, against a run that is under way: real commands and real signals."""

import json
import os
import pty
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from command_kit import NOC, begin, environment, noc
from noc.cli.stopping import WORDS
from noc.errors import NocError
from runner_house import House


def outcome(house: House) -> str:
    return str(house.client.ask("list")["runs"][0]["outcome"])


@contextmanager
def under_way(house: House, *more: str) -> "Iterator[subprocess.Popen[str]]":
    """A run whose first step has begun, and that waits there."""
    with begin(house, "rotate", "wg", "frankfurt", *more) as process:
        assert process.stderr is not None
        assert "started" in process.stderr.readline()
        yield process


def test_ctrl_c_stops_the_run_shows_its_result_and_returns_130(house: House) -> None:
    with under_way(house) as process:
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert (process.returncode, outcome(house)) == (130, "failed")
    assert err.splitlines()[0] == WORDS
    assert "frankfurt  x       y    ✗ rotated" in out


def test_ctrl_c_with_json_is_one_document_too(house: House) -> None:
    with under_way(house, "--json") as process:
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=30)
    document = json.loads(out)
    assert (process.returncode, document["exit"], document["nodes"][0]["node"]) == (130, 1, "frankfurt")


def test_a_second_ctrl_c_leaves_the_run_and_says_how_to_find_it(house: House) -> None:
    house.stubborn = True
    with under_way(house) as process:
        assert process.stderr is not None
        process.send_signal(signal.SIGINT)
        assert process.stderr.readline().strip() == WORDS
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)
    run = house.client.ask("list")["runs"][0]
    assert (process.returncode, run["outcome"]) == (130, "running")
    assert f"noc run show {run['run']} --follow" in err


def test_a_second_ctrl_c_with_json_is_one_document_too(house: House) -> None:
    house.stubborn = True
    with under_way(house, "--json") as process:
        assert process.stderr is not None
        process.send_signal(signal.SIGINT)
        process.stderr.readline()
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=30)
    error = json.loads(out)["error"]
    assert (process.returncode, error["code"]) == (130, "NOC-E006")
    assert "--follow" in error["fix"]


def test_a_terminal_that_is_closed_leaves_the_run_running(house: House) -> None:
    with under_way(house) as process:
        process.send_signal(signal.SIGHUP)
        process.communicate(timeout=30)
    assert (process.returncode, outcome(house)) == (-signal.SIGHUP, "running")


def test_ctrl_c_below_the_live_table_stops_the_run_too(house: House) -> None:
    terminal, side = pty.openpty()
    argv = [*NOC, "rotate", "wg", "frankfurt"]
    with subprocess.Popen(argv, env=environment(house), stdout=subprocess.PIPE, stderr=side, text=True) as process:
        os.close(side)
        shown = read_until(terminal, b"switch")
        process.send_signal(signal.SIGINT)
        shown += read_until(terminal, b"Ctrl-C again leaves it to itself")
        assert process.stdout is not None
        assert "rotated" in process.stdout.read()
        os.close(terminal)
    assert process.returncode == 130


def read_until(terminal: int, wanted: bytes) -> bytes:
    shown = b""
    while wanted not in shown:
        shown += os.read(terminal, 4096)
    return shown


def test_stopping_another_run_than_the_one_under_way_is_refused(house: House) -> None:
    with under_way(house) as process:
        with pytest.raises(NocError, match="is not under way"):
            house.client.ask("stop", run="20260101T000000000-0000")
        house.let_go()
        process.communicate(timeout=30)
    assert process.returncode == 0


def test_a_halt_stops_the_run_and_keeps_the_next_out(house: House) -> None:
    with under_way(house) as process:
        status, out, _ = noc(house, "halt", "--reason", "the database is being moved")
        assert (status, "the database is being moved" in out) == (0, True)
        process.communicate(timeout=30)
    assert (process.returncode, outcome(house)) == (1, "failed")
    status, _, err = noc(house, "rotate", "wg", "virginia")
    assert (status, "E541" in err, "the database is being moved" in err) == (7, True, True)
