"""The whole way at the stand-in for AWS, in one sequence: no machine and no name first, a verified fleet last."""

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from fleet_kit import ROOT, TIMES
from noc.lab.cloud.account import OPT_IN, Settings
from noc.lab.lab import Lab
from noc.lab.pilot import Setting
from noc.lab.places import Places
from noc.lab.voyage import sail
from noc.runs.review.report import Report

NODES = ("virginia", "frankfurt", "hongkong")
APPROVER = "johan"
ACCOUNT = Settings(off=OPT_IN, enabling=0)


@dataclass(frozen=True)
class Sailed:
    """A way that was gone: which machines ran before it, what it told, and the report at its end."""

    running_before: set[str]
    told: list[str]
    report: Report
    lab: Lab


@pytest.fixture(scope="module")
def sailed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sailed]:
    """Three nodes in two batches, one of them in a region that a new account does not have."""
    work = tmp_path_factory.mktemp("voyage")
    argv = [sys.executable, str(ROOT / "tools" / "dist.py"), "--out", str(work)]
    dist = Path(subprocess.run(argv, check=True, capture_output=True, text=True, timeout=900).stdout.strip())
    lab = Lab(Places(state=work / "lab", cache=Places.default().cache))
    lab.up(NODES, bare_zone=True, account=ACCOUNT)
    policy = {**TIMES, "recovery_steady": 3}
    told: list[str] = []
    try:
        before = _running(lab)
        setting = Setting(nodes=NODES, dist=dist, work=work, policy=policy, cloud=True, approver=APPROVER)
        yield Sailed(before, told, sail(lab, setting, told.append), lab)
    finally:
        lab.down()


def _running(lab: Lab) -> set[str]:
    return {row["name"] for row in lab.status()["machines"] if row["state"] == "running"} & set(NODES)


def test_from_no_machine_at_all_every_node_is_launched(sailed: Sailed) -> None:
    assert (sailed.running_before, _running(sailed.lab)) == (set(), set(NODES))


def test_it_ends_with_a_verified_fleet(sailed: Sailed) -> None:
    open_lines = [(line.name, line.summary) for line in sailed.report.lines if not line.passed]
    assert (sailed.report.milestone, sailed.report.go, open_lines) == ("M6", True, [])


def test_a_person_has_decided_before_the_other_batches(sailed: Sailed) -> None:
    decided = sailed.report.lines[0]
    assert (decided.name, decided.summary.startswith(f"GO by {APPROVER}")) == ("Decision on M4", True)


def test_every_command_is_told_with_its_seconds(sailed: Sailed) -> None:
    commands = ("preflight --enable-regions", "rollout --batch 0", "review M4 --decide go", "rollout --batch 4")
    told = [line for line in sailed.told if line.endswith(" s")]
    assert [command for command in commands if not any(f"noc {command}" in line for line in told)] == []


def test_a_node_that_was_made_is_asked_by_its_name(sailed: Sailed) -> None:
    trust = str(sailed.lab.trust_bundle)
    argv = ("curl", "-sS", "--fail", "--max-time", "10", "--cacert", trust, "https://hongkong.clavitor.com/health")
    done = sailed.lab.stranger_exec(*argv)
    assert done.returncode == 0, done.stderr
