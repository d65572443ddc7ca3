"""Who watches HQ: a second `noc watch` takes the first one's sign of life, and opens an incident when that is killed.

Two real processes on loopback: the first gives its sign to the push listener of the second, where HQ is a node.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from watch_kit import HUB, Server, address, token, until, write_fleet


def fleet_of_hq(directory: Path) -> Path:
    """A fleet whose HQ gives its sign of life five times a second."""
    file = write_fleet(directory, live=()) / "fleet.toml"
    file.write_text(file.read_text().replace("[witness]", "[dead_man]\ninterval = 0.2\n[witness]"))
    return directory


def fleet_of_the_other(directory: Path) -> Path:
    """A fleet whose node virginia is that HQ: what it sends comes from 127.0.0.1, as all that crosses loopback does."""
    file = write_fleet(directory, live=("virginia",), push_interval=1) / "fleet.toml"
    text = file.read_text().replace(f'"{HUB}"', '"127.0.0.10"').replace(f'"{address("virginia")}"', '"127.0.0.1"')
    file.write_text(text.replace("127.84.0.", "127.0.0.") + "[judging]\nflap_within = 0\n")
    return directory


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Server]:
    (tmp_path / "other").mkdir()
    with Server(tmp_path / "other", fleet_of_the_other(tmp_path / "other-fleet")) as server:
        yield server


@pytest.fixture
def hq(tmp_path: Path, other: Server) -> Iterator[Server]:
    (tmp_path / "hq").mkdir()
    secrets = tmp_path / "credentials"
    secrets.mkdir(mode=0o700)
    (secrets / "dead_man_url").write_text(f"http://{HUB}:{other.port}/api/push/{token('virginia')}\n")
    server = Server(tmp_path / "hq", fleet_of_hq(tmp_path / "hq-fleet"))
    server.start(environment={"CREDENTIALS_DIRECTORY": str(secrets)})
    try:
        yield server
    finally:
        server.stop()


def hears(other: Server) -> bool:
    """Whether the other watch hears HQ, and has no open incident of it."""
    return bool(other.node("virginia")["state"] == "up")


def misses(other: Server) -> list[dict[str, Any]]:
    """The open incidents of the other watch."""
    return [incident for incident in other.incidents() if incident["ended_at"] is None]


def test_a_killed_hq_is_an_incident_of_the_other_watch_and_its_return_ends_it(hq: Server, other: Server) -> None:
    until(lambda: hears(other), within=30, what="the other watch hears HQ")
    hq.kill()
    (incident,) = until(lambda: misses(other), within=30, what="the other watch misses HQ")
    assert (incident["node"], incident["severity"], incident["cause"]) == ("virginia", "SEV2", "missed")
    hq.start(environment={"CREDENTIALS_DIRECTORY": str(hq.directory.parent / "credentials")})
    until(lambda: hears(other), within=30, what="HQ is back")


def test_an_hq_that_cannot_write_falls_silent_though_it_runs(hq: Server, other: Server) -> None:
    until(lambda: hears(other), within=30, what="the other watch hears HQ")
    with closing(sqlite3.connect(hq.database)) as somebody:
        somebody.execute("BEGIN IMMEDIATE")
        until(lambda: misses(other), within=60, what="the other watch misses an HQ that cannot write")
    assert hq.process is not None
    assert hq.process.poll() is None
    assert token("virginia") not in hq.log.read_text()
