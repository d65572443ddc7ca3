"""Backups on real hosts: two nodes at once, their databases written to all the while."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from fleet_kit import LIVE, Fleet, wait_for

FILLED = 400
"""Rows of 20 KB: some 8 MB a node."""
FILL = f"""
import os, sqlite3
database = sqlite3.connect("/var/lib/clavitor/clavitor.db", timeout=20)
with database:
    database.execute("CREATE TABLE filled (value BLOB)")
    database.executemany("INSERT INTO filled VALUES (?)", [(os.urandom(20_000),) for _ in range({FILLED})])
"""
WRITE = """
import os, sqlite3, time
database = sqlite3.connect("/var/lib/clavitor/clavitor.db", timeout=20)
while True:
    with database:
        database.execute("INSERT INTO filled VALUES (?)", (os.urandom(500),))
    time.sleep(0.01)
"""
CLEAR = """
import sqlite3
database = sqlite3.connect("/var/lib/clavitor/clavitor.db", timeout=20)
with database:
    database.execute("DROP TABLE IF EXISTS filled")
database.execute("VACUUM")
"""


def python(fleet: Fleet, node: str, program: str) -> None:
    done = fleet.lab.exec(node, "runuser", "-u", "clavitor", "--", "python3", "-c", program)
    assert done.returncode == 0, done.stderr.decode()


@contextmanager
def writing(fleet: Fleet, node: str) -> Iterator[None]:
    """Somebody writes into the node's database a hundred times a second."""
    unit = ("systemd-run", "--quiet", "--collect", "--unit=test-writer", "--uid=clavitor", "python3", "-c", WRITE)
    assert fleet.lab.exec(node, *unit).returncode == 0
    try:
        yield
    finally:
        fleet.lab.exec(node, "systemctl", "stop", "test-writer")


@pytest.fixture(scope="module")
def filled(half_fleet: Fleet) -> Iterator[Fleet]:
    """Two live nodes with some MB of data each; they are as they were afterwards."""
    for node in LIVE:
        python(half_fleet, node, FILL)
    yield half_fleet
    for node in LIVE:
        python(half_fleet, node, CLEAR)


@pytest.fixture(scope="module")
def backed_up(filled: Fleet) -> tuple[Fleet, dict[str, Any], dict[str, Any]]:
    """The same, backed up twice while they are written to; both runs."""
    with writing(filled, LIVE[0]), writing(filled, LIVE[1]):
        first = filled.hq.noc("backup", "run", *LIVE)
        second = filled.hq.noc("backup", "run", *LIVE)
    return filled, first, second


def newest_two(fleet: Fleet, node: str) -> tuple[dict[str, Any], dict[str, Any]]:
    second, first = fleet.hq.noc("backup", "list", node)["nodes"][0]["backups"][:2]
    return first, second


def test_two_nodes_are_backed_up_while_they_are_written_to(
    backed_up: tuple[Fleet, dict[str, Any], dict[str, Any]],
) -> None:
    fleet, *runs = backed_up
    for run in runs:
        assert {row["node"]: row["verdict"] for row in run["nodes"]} == dict.fromkeys(LIVE, "backed up")
    for node in LIVE:
        assert newest_two(fleet, node)[0]["rows"] > FILLED


def test_the_second_run_sends_little(backed_up: tuple[Fleet, dict[str, Any], dict[str, Any]]) -> None:
    fleet = backed_up[0]
    for node in LIVE:
        first, second = newest_two(fleet, node)
        assert first["added"] > FILLED * 20_000 * 0.99
        assert second["added"] < first["added"] / 4


def test_everything_verifies_and_one_flipped_bit_does_not(
    backed_up: tuple[Fleet, dict[str, Any], dict[str, Any]],
) -> None:
    fleet = backed_up[0]
    found = fleet.hq.noc("backup", "verify", *LIVE)["nodes"]
    assert [each["problems"] for node in found for each in node["backups"]] == [[]] * 4
    chunk = fleet.hq.sh("find", f"/var/lib/noc/backups/{LIVE[0]}/chunks", "-name", "*.age").split()[0]
    flip = "import sys; p = sys.argv[1]; b = bytearray(open(p, 'rb').read()); b[-9] ^= 1; open(p, 'wb').write(b)"
    fleet.hq.sh("python3", "-c", flip, chunk)
    try:
        found = fleet.hq.noc("backup", "verify", LIVE[0], statuses=(1,))["nodes"][0]["backups"]
        assert {problem.split()[-1] for each in found for problem in each["problems"]} == {"damaged"}
    finally:
        fleet.hq.sh("python3", "-c", flip, chunk)


def test_nothing_of_it_stays_on_a_node(backed_up: tuple[Fleet, dict[str, Any], dict[str, Any]]) -> None:
    fleet = backed_up[0]
    for node in LIVE:
        assert fleet.on(node, "ls -A /var/lib/noc-node/backup 2>/dev/null || true") == ""


def test_the_runner_alone_reads_backups(backed_up: tuple[Fleet, dict[str, Any], dict[str, Any]]) -> None:
    fleet = backed_up[0]
    seen = fleet.hq.sh("stat", "-c", "%U %G %a", "/var/lib/noc/backups", f"/var/lib/noc/backups/{LIVE[0]}")
    assert seen.split("\n")[:2] == ["noc-runner noc 750", "noc-runner noc 700"]


def test_the_watch_knows_how_old_the_newest_backup_is(
    backed_up: tuple[Fleet, dict[str, Any], dict[str, Any]],
) -> None:
    fleet = backed_up[0]
    as_watch = ("runuser", "-u", "noc-watch", "--", "stat", "-c", "%Y", "/var/lib/noc/backups/newest")
    assert int(fleet.hq.sh(*as_watch)) > 0


def test_an_hq_whose_disk_is_nearly_full_sends_for_nothing(
    backed_up: tuple[Fleet, dict[str, Any], dict[str, Any]],
) -> None:
    fleet = backed_up[0]
    fleet.hq.sh("mount", "-t", "tmpfs", "-o", "size=64m,mode=755", "small", "/var/lib/noc/backups")
    try:
        error = fleet.hq.noc("backup", "run", LIVE[0], statuses=(7,))["error"]
    finally:
        fleet.hq.sh("umount", "/var/lib/noc/backups")
    assert (error["code"], "noc prune" in error["fix"]) == ("NOC-E464", True)
    assert fleet.hq.noc("backup", "verify", LIVE[0])["nodes"][0]["backups"] != []


def test_a_node_that_is_down_is_skipped_and_shown(backed_up: tuple[Fleet, dict[str, Any], dict[str, Any]]) -> None:
    fleet = backed_up[0]
    fleet.lab.cut(LIVE[1])
    try:
        run = fleet.hq.noc("backup", "run", *LIVE, statuses=(3,))
    finally:
        fleet.lab.heal(LIVE[1])
        wait_for(lambda: fleet.lab.exec("zurich", "noc", "health", LIVE[1], "--json").returncode == 0)
    assert {row["node"]: row["verdict"] for row in run["nodes"]} == {LIVE[0]: "backed up", LIVE[1]: "skipped"}
    assert json.dumps(run).count("cannot be reached") >= 1
