"""From nothing to live nodes and back, by the stand-in for AWS: real hosts, and HQ's own commands."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fleet_kit import ROOT, TIMES
from noc.lab.cloud.account import CREDENTIALS, Settings
from noc.lab.fleet import CLOUD
from noc.lab.lab import Lab
from noc.lab.pilot import Setting, Stage
from noc.lab.places import Places

NODES = ("virginia", "frankfurt", "hongkong")
ACCOUNT = Settings(off=frozenset({"ap-east-1"}), enabling=1)
LAUNCHED = ("virginia", "frankfurt")
# What the cloud holds, asked by a program that is not HQ: security rules and CPU credit of one region.
HELD = """
import json, sys
import boto3
url, trust, region = sys.argv[1:]
keys = {"aws_access_key_id": "AKIAEXAMPLEEXAMPLE00", "aws_secret_access_key": "nobodys"}
ec2 = boto3.client("ec2", region, endpoint_url=url, verify=trust, **keys)
groups = ec2.describe_security_groups(Filters=[{"Name": "tag:noc:fleet", "Values": ["clavitor"]}])["SecurityGroups"]
found = [i["InstanceId"] for r in ec2.describe_instances()["Reservations"] for i in r["Instances"]
         if i["State"]["Name"] == "running"]
credit = ec2.describe_instance_credit_specifications(InstanceIds=found) if found else {}
print(json.dumps({
    "groups": [sorted(rule["FromPort"] for rule in group["IpPermissions"]) for group in groups],
    "machines": len(found),
    "addresses": len(ec2.describe_addresses()["Addresses"]),
    "credit": [row["CpuCredits"] for row in credit.get("InstanceCreditSpecifications", [])],
}))
"""
NOTHING = {"groups": [], "machines": 0, "addresses": 0, "credit": []}


def typed(work: Path, *words: str, given: str = "") -> None:
    """A command about the lab, as it is typed on this machine."""
    argv = [str(Path(sys.executable).parent / "noc"), "lab", *words]
    environment = {**os.environ, "NOC_LAB_DIR": str(work / "lab")}
    done = subprocess.run(argv, input=given, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """HQ with two releases and an account; no node is there yet."""
    work = tmp_path_factory.mktemp("launch")
    argv = [sys.executable, str(ROOT / "tools" / "dist.py"), "--out", str(work)]
    dist = Path(subprocess.run(argv, check=True, capture_output=True, text=True, timeout=900).stdout.strip())
    lab = Lab(Places(state=work / "lab", cache=Places.default().cache))
    typed(work, "up", *NODES, "--aws")
    try:
        lab.account(ACCOUNT)
        made = Stage(lab, Setting(nodes=NODES, dist=dist, work=work, policy=TIMES, cloud=True), lambda _: None)
        made.prepare()
        made.hq.sh("noc", "hub", "secret", "set", "aws", stdin=CREDENTIALS.encode())
        yield made
    finally:
        lab.down()


@pytest.fixture(scope="module")
def launched(stage: Stage) -> dict[str, Any]:
    """Two machines by `noc launch`; the command's document."""
    document: dict[str, Any] = stage.hq.noc("launch", *LAUNCHED, timeout_s=120)
    return document


@pytest.fixture(scope="module")
def live(stage: Stage, launched: dict[str, Any]) -> dict[str, Any]:
    """The same as live nodes, by nothing but their names; the command's document."""
    document: dict[str, Any] = stage.hq.noc("provision", *LAUNCHED, timeout_s=300)
    return document


def _held(stage: Stage, region: str) -> dict[str, Any]:
    trust = str(stage.lab.trust_bundle)
    done = stage.lab.stranger_exec(sys.executable, "-c", HELD, CLOUD, trust, region)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _states(stage: Stage) -> dict[str, str]:
    return {row["name"]: row["state"] for row in stage.lab.status()["machines"]}


def _record(stage: Stage, node: str) -> dict[str, Any]:
    rows = {row["name"]: row for row in stage.hq.noc("nodes")["nodes"]}
    found: dict[str, Any] = rows[node]
    return found


def test_no_machine_is_there_before_it_is_launched(stage: Stage) -> None:
    assert {_states(stage)[node] for node in NODES} == {"off"}


def test_a_preflight_names_the_region_that_is_off_and_its_fix(stage: Stage) -> None:
    answer = stage.hq.noc("preflight", statuses=(1,))
    (finding,) = [each for each in answer["findings"] if (each["subject"], each["check"]) == ("hongkong", "region")]
    assert (finding["standing"], "--enable-regions" in finding["fix"]) == ("failed", True)


def test_a_launch_with_one_region_off_begins_nothing(stage: Stage) -> None:
    answer = stage.hq.noc("launch", "hongkong", statuses=(1,))
    assert "noc preflight --enable-regions" in answer["error"]["why"]
    assert _states(stage)["hongkong"] == "off"


def test_a_region_that_is_refused_leaves_nothing_half_made(stage: Stage) -> None:
    typed(stage.setting.work, "account", given='{"failing": {"RunInstances": "VcpuLimitExceeded"}}')
    answer = stage.hq.noc("launch", "hongkong", statuses=(1,))
    held = _held(stage, "ap-east-1")
    stage.lab.account(ACCOUNT)
    assert "Service Quotas" in answer["nodes"][0]["why"]
    assert (held, _states(stage)["hongkong"]) == (NOTHING, "off")


def test_launched_nodes_run_and_show_the_key_that_hq_drew(launched: dict[str, Any], stage: Stage) -> None:
    assert {row["verdict"] for row in launched["nodes"]} == {"launched"}
    assert {_states(stage)[node] for node in LAUNCHED} == {"running"}


def test_launched_nodes_become_live_by_nothing_but_their_names(live: dict[str, Any]) -> None:
    assert {row["node"]: row["verdict"] for row in live["nodes"]} == dict.fromkeys(LAUNCHED, "live")


def test_a_live_nodes_door_is_shut_and_its_credit_is_what_it_costs(live: dict[str, Any], stage: Stage) -> None:
    held = _held(stage, "eu-central-1")
    assert (held["groups"], held["credit"]) == ([[80, 443]], ["standard"])


def test_launching_again_changes_nothing(live: dict[str, Any], stage: Stage) -> None:
    plan = stage.hq.noc("launch", *LAUNCHED, "--plan")
    assert {row["state"] for row in plan["rows"]} == {"unchanged"}


def test_a_region_is_switched_on_and_waited_for(live: dict[str, Any], stage: Stage) -> None:
    answer = stage.hq.noc("preflight", "--enable-regions", statuses=(0, 1), timeout_s=120)
    (finding,) = [each for each in answer["findings"] if (each["subject"], each["check"]) == ("hongkong", "region")]
    assert finding["standing"] == "passed"


def test_a_live_node_is_not_ended_by_a_slip(live: dict[str, Any], stage: Stage) -> None:
    stage.hq.noc("terminate", "virginia", "--yes", "virginia", statuses=(1,))
    assert _states(stage)["virginia"] == "running"


def test_an_ended_node_is_gone_from_cloud_and_lab(live: dict[str, Any], stage: Stage) -> None:
    stage.hq.noc("terminate", "virginia", "--yes", "virginia", "--force", timeout_s=120)
    assert (_held(stage, "us-east-1"), _states(stage)["virginia"]) == (NOTHING, "off")
    assert _record(stage, "virginia")["life"] == "planned"
