"""A node's data on real hosts: the key through real shells, a restore that holds, one that turns back, a dead machine.

The tests tell one story in their order, in a fleet of their own: at its end virginia runs on what was london's machine.
"""

import json
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import pytest

from fleet_kit import Fleet, small_fleet, wait_for

NODE = "virginia"
SQL = """
import sqlite3, sys
database = sqlite3.connect("/var/lib/clavitor/clavitor.db", timeout=20)
with database:
    for statement in sys.argv[1:]:
        for row in database.execute(statement):
            print(row[0])
"""
SELECT = "SELECT CAST(code_hash AS TEXT) FROM invitations ORDER BY 1"
BY_HAND = """
import dns.query, dns.tsig, dns.update, sys
name, algorithm, secret = sys.argv[1].split()
update = dns.update.UpdateMessage("clavitor.com", keyring={dns.name.from_text(name): dns.tsig.Key(name, secret)})
update.replace(sys.argv[2], 300, "A", sys.argv[3])
assert dns.query.tcp(update, "198.51.100.2", 5).rcode() == 0
"""


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """HQ, virginia and frankfurt live, london and singapore fresh."""
    with small_fleet(tmp_path_factory.mktemp("restore")) as made:
        yield made


def sql(fleet: Fleet, *statements: str) -> list[str]:
    """Statements on the node's database, beside its service; what they return."""
    done = fleet.lab.exec(NODE, "runuser", "-u", "clavitor", "--", "python3", "-c", SQL, *statements)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode().split()


def write(fleet: Fleet, name: str) -> None:
    sql(fleet, f"INSERT INTO invitations VALUES (CAST('{name}' AS BLOB), 4e9)")


def written(fleet: Fleet) -> list[str]:
    return sql(fleet, SELECT)


def backup(fleet: Fleet) -> str:
    """Back the node up; the time of the backup."""
    rows = fleet.hq.noc("backup", "run", NODE)["nodes"]
    assert rows[0]["verdict"] == "backed up", rows
    newest = fleet.hq.noc("backup", "list", NODE)["nodes"][0]["backups"][0]
    return str(newest["at"])


def unseal(fleet: Fleet, at: str) -> dict[str, Any]:
    """The pipeline as it is typed on the operator's machine: HQ's console stands for ssh."""
    key = fleet.stage.operator.directory / "identity" / "operator.agekey"
    ours = shlex.join([sys.executable, "-m", "noc", "unlock", "-i", str(key)])
    request = shlex.join(fleet.lab.console("zurich", "noc", "backup", "request", NODE, "--at", at))
    brought = shlex.join(fleet.lab.console("zurich", "noc", "backup", "unseal", NODE, "--json"))
    line = f"{request} | {ours} | {brought}"
    done = subprocess.run(["bash", "-o", "pipefail", "-c", line], capture_output=True, timeout=120, check=False)
    assert done.returncode == 0, (done.stdout, done.stderr)
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def refusal(fleet: Fleet, *words: str) -> dict[str, str]:
    """The error of a command that has to fail."""
    document = fleet.hq.noc(*words, statuses=tuple(range(1, 9)))
    return dict(document["error"])


@contextmanager
def spoilt(fleet: Fleet) -> Iterator[None]:
    """Data with which the service cannot be healthy, though they are whole."""
    sql(fleet, "ALTER TABLE node RENAME TO away")
    try:
        yield
    finally:
        sql(fleet, "ALTER TABLE away RENAME TO node")


def test_a_restore_is_rehearsed_with_a_key_that_comes_through_shells(fleet: Fleet) -> None:
    write(fleet, "first")
    at = backup(fleet)
    refused = refusal(fleet, "backup", "rehearse", NODE)
    assert refused["code"] == "NOC-E753"
    assert "| noc unlock |" in refused["fix"]
    unsealed = unseal(fleet, at)
    assert 3500 < unsealed["seconds"] <= 3600
    made = fleet.hq.noc("backup", "rehearse", NODE)
    assert (made["ok"], made["rows"] > 0) == (True, True)
    rehearsed = fleet.hq.noc("backup", "list", NODE)["nodes"][0]["rehearsed"]
    assert datetime.fromisoformat(rehearsed) == datetime.fromisoformat(made["at"])
    fleet.hq.noc("backup", "seal", NODE)
    assert refusal(fleet, "backup", "rehearse", NODE)["code"] == "NOC-E753"


def test_a_key_of_another_is_not_taken(fleet: Fleet) -> None:
    other = (fleet.stage.operator.directory / "identity" / "recovery.agekey").read_text().splitlines()[-1]
    done = fleet.lab.exec("zurich", "noc", "backup", "unseal", NODE, "--json", stdin=other.encode())
    assert (done.returncode, json.loads(done.stdout)["error"]["code"]) == (5, "NOC-E465")


def test_what_was_lost_comes_back_as_it_was_at_a_time(fleet: Fleet) -> None:
    write(fleet, "kept")
    at = backup(fleet)
    sql(fleet, "DELETE FROM invitations WHERE code_hash = CAST('kept' AS BLOB)")
    write(fleet, "since")
    assert refusal(fleet, "restore", NODE, "--at", at)["code"] == "NOC-E753"
    unseal(fleet, at)
    row = fleet.hq.noc("restore", NODE, "--at", at, "--plan", statuses=(3,))["rows"][0]
    assert "is lost" in row["loss"]
    boot = fleet.serves(NODE)["boot_id"]
    verdict = fleet.hq.noc("restore", NODE, "--at", at)["nodes"][0]
    assert verdict["verdict"] == "restored", verdict
    assert "1 row of invitations" in verdict["why"]
    assert written(fleet) == ["first", "kept"]
    seen = fleet.serves(NODE)
    assert (seen["db"], seen["boot_id"] != boot) == ("ok", True)


def test_a_restore_with_which_the_service_is_sick_turns_back_to_the_data_of_before(fleet: Fleet) -> None:
    with spoilt(fleet):
        at = backup(fleet)
    wait_for(lambda: fleet.lab.stranger_exec("true").returncode == 0 and fleet.serves(NODE)["status"] == "ok")
    write(fleet, "after")
    before = written(fleet)
    unseal(fleet, at)
    verdict = fleet.hq.noc("restore", NODE, "--at", at, statuses=(1,))["nodes"][0]
    assert verdict["verdict"] == "rolled-back", verdict
    assert written(fleet) == before
    assert fleet.serves(NODE)["status"] == "ok"


def test_a_dead_node_is_made_anew_elsewhere_and_the_old_machine_is_refused(fleet: Fleet) -> None:
    write(fleet, "last")
    at, held = backup(fleet), written(fleet)
    old_key = fleet.on(NODE, "wg show wg0 public-key")
    old_url = fleet.on(NODE, "sed -n 's#^KUMA_PUSH_URL=##p' /etc/clavitor/environment").strip("\"'")
    fleet.lab.kill(NODE)
    unseal(fleet, at)
    address, key = fleet.lab.address("london"), fleet.lab.host_key("london")
    script = ("-c", BY_HAND, fleet.lab.dns_key, f"{NODE}.clavitor.com.", address)
    fleet.hq.sh("/opt/noc/current/bin/python", *script)
    verdict = fleet.hq.noc("replace", NODE, "--ip", address, "--host-key", key)["nodes"][0]
    assert verdict["verdict"] == "live", verdict
    done = fleet.lab.exec("london", "runuser", "-u", "clavitor", "--", "python3", "-c", SQL, SELECT)
    assert done.stdout.decode().split() == held
    assert fleet.serves(NODE)["db"] == "ok"
    assert old_key not in fleet.handshakes()
    fleet.lab.boot(NODE)
    done = fleet.lab.exec(NODE, "curl", "-s", "--max-time", "5", "-o", "/dev/null", f"{old_url}?status=up")
    assert done.returncode == 28, done
    assert (old_key in fleet.handshakes(), fleet.serves(NODE)["boot_id"]) == (False, heard(fleet))


def heard(fleet: Fleet) -> str:
    """The process that the watch has heard last."""
    document = fleet.hq.sh("curl", "-s", "--unix-socket", "/run/noc-watch/watch.sock", "http://hq/api/v1/nodes")
    row = next(row for row in json.loads(document)["nodes"] if row["name"] == NODE)
    return str(row["last_heartbeat"]["boot"])
