"""How a rollout proceeds on real nodes: past failures, back again, to who was away, with configuration and data."""

import json
from typing import Any

from fleet_kit import NODES, Fleet, wait_for

INSERT = """
import sqlite3
with sqlite3.connect("/var/lib/clavitor/clavitor.db") as database:
    database.execute("INSERT INTO invitations VALUES (randomblob(8), 4e9)")
"""
COUNT = """
import sqlite3
database = sqlite3.connect("file:/var/lib/clavitor/clavitor.db?mode=ro", uri=True)
print(database.execute("PRAGMA user_version").fetchone()[0],
      database.execute("SELECT count(*) FROM invitations").fetchone()[0])
"""


def verdicts(document: dict[str, Any]) -> dict[str, str]:
    return {row["node"]: row["verdict"] for row in document["nodes"]}


def test_a_failure_ends_a_rollout_and_returns_the_fleet_where_that_is_wanted(fleet: Fleet) -> None:
    before = {node: fleet.facts(node)["current"] for node in NODES}
    release = fleet.release({"frankfurt": "sick"})
    document = fleet.hq.noc("deploy", "all", release, "--on-failure", "rollback-fleet", statuses=(1,))
    assert verdicts(document) == {
        "virginia": "turned-back", "london": "turned-back", "frankfurt": "rolled-back", "singapore": "untouched",
    }  # fmt: skip
    for node in NODES:
        assert fleet.runs_proven(node, before[node])


def test_a_failure_that_is_allowed_ends_nothing_and_a_rollback_needs_no_argument(fleet: Fleet) -> None:
    before = {node: fleet.facts(node)["current"] for node in NODES}
    release = fleet.release({"london": "sick"})
    document = fleet.hq.noc("deploy", "all", release, "--max-failures", "1", "--batch", "2", statuses=(1,))
    assert verdicts(document) == dict.fromkeys(NODES, "confirmed") | {"london": "rolled-back"}
    plan = fleet.hq.noc("rollback", "--plan", statuses=(3,))
    assert {row["node"]: row["target"] for row in plan["rows"] if row["node"] != "london"} == {
        node: before[node] for node in NODES if node != "london"
    }
    assert set(verdicts(fleet.hq.noc("rollback", statuses=(0, 3))).values()) <= {"confirmed", "blocked"}
    for node in NODES:
        if node != "london":
            assert fleet.runs_proven(node, before[node])


def test_a_node_that_is_down_is_skipped_and_caught_up_when_it_is_back(fleet: Fleet) -> None:
    release = fleet.release()
    fleet.lab.kill("singapore")
    try:
        document = fleet.hq.noc("deploy", "all", release, statuses=(3,))
    finally:
        fleet.lab.boot("singapore")
    assert verdicts(document) == dict.fromkeys(NODES, "confirmed") | {"singapore": "skipped"}
    wait_for(lambda: fleet.runs_proven("singapore", release), 90)
    assert fleet.journal()[0]["detail"]["by"] == f"runner (catch-up of {document['run']})"


def test_an_edited_fleet_file_drifts_and_is_rolled_out_as_a_release_is(fleet: Fleet) -> None:
    with fleet.edited('email = "noc@clavitor.com"', 'email = "desk@clavitor.com"'):
        drifted = fleet.hq.noc("drift", statuses=(3,))
        assert {row["state"] for row in drifted["nodes"]} == {"differs"}
        assert set(verdicts(fleet.hq.noc("deploy", "all", "--config")).values()) == {"confirmed"}
        assert {row["state"] for row in fleet.hq.noc("drift")["nodes"]} == {"same"}
    document = fleet.hq.noc("deploy", "virginia", "--config", fleet.release())
    assert verdicts(document) == {"virginia": "confirmed"}
    assert fleet.hq.noc("drift", "virginia")["nodes"][0]["state"] == "same"
    fleet.hq.noc("deploy", "all", "--config")
    assert {row["state"] for row in fleet.hq.noc("drift")["nodes"]} == {"same"}


class TestData:
    """A release changes the schema, and is rolled back."""

    def test_the_data_stays_unless_its_return_is_asked_for_and_then_the_loss_is_named(self, fleet: Fleet) -> None:
        old = fleet.facts("virginia")["current"]
        had = self._data(fleet)
        release = fleet.release({"virginia": "changes-schema"})
        fleet.hq.noc("deploy", "virginia", release)
        fleet.lab.exec("virginia", "python3", "-c", INSERT)
        assert self._data(fleet) == (had[0] + 1, had[1] + 1)
        plan = fleet.hq.noc("rollback", "virginia", "--restore-data", "--plan", statuses=(3,))
        assert plan["risk"] == "high"
        assert "is lost" in plan["rows"][0]["loss"]
        document = fleet.hq.noc("rollback", "virginia", "--restore-data")
        assert verdicts(document) == {"virginia": "confirmed"}
        assert self._data(fleet) == had
        (order,) = fleet.verdicts("virginia", document["run"])
        assert order["loss"]
        assert "invitations" in json.dumps(order["loss"])
        fleet.hq.noc("deploy", "virginia", release)
        fleet.lab.exec("virginia", "python3", "-c", INSERT)
        document = fleet.hq.noc("rollback", "virginia")
        assert verdicts(document) == {"virginia": "confirmed"}
        assert self._data(fleet) == (had[0] + 1, had[1] + 1)
        assert fleet.runs_proven("virginia", old)

    def _data(self, fleet: Fleet) -> tuple[int, int]:
        done = fleet.lab.exec("virginia", "python3", "-c", COUNT)
        schema, rows = done.stdout.decode().split()
        return int(schema), int(rows)
