"""The operator's guide, typed as it stands: what an operator does every day, on a lab's HQ with a live fleet."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from doc_pages import ROOT
from noc.lab.lab import Lab
from noc.lab.pilot import Setting, Stage
from noc.lab.places import Places

NODES = ("virginia", "frankfurt", "singapore")
GUIDE = (ROOT / "docs" / "operators-guide.md").read_text()
OTHER_RUNS = {"noc run show 07db"}  # an id of the fleet that the guide was written with
READS = ("nodes", "health", "incidents", "run list", "release list", "render --check")
AT_A_SCREEN = {"editor /etc/noc/fleet.toml"}


def typed(heading: str) -> list[str]:
    """The lines that a section of the guide lets an operator type on HQ."""
    mark = heading.partition(" ")[0]
    section = GUIDE.partition(f"\n{heading}\n")[2]
    body = re.split(rf"^#{{1,{len(mark)}}} \S", section, maxsplit=1, flags=re.MULTILINE)[0]
    lines = re.findall(r"^hq# (.+)$", body, re.MULTILINE)
    return [line for line in lines if line not in OTHER_RUNS | AT_A_SCREEN]


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """HQ installed, three nodes live on 1.0.0, and 1.1.0 beside it as the guide lays it down."""
    work = tmp_path_factory.mktemp("guide")
    argv = [sys.executable, str(ROOT / "tools" / "dist.py"), "--out", str(work)]
    dist = Path(subprocess.run(argv, check=True, capture_output=True, text=True, timeout=900).stdout.strip())
    lab = Lab(Places(state=work / "lab", cache=Places.default().cache))
    lab.up(NODES)
    try:
        stage = Stage(lab, Setting(nodes=NODES, dist=dist, work=work), lambda _: None)
        first, _ = stage.prepare()
        stage.provision(first)
        stage.hq.sh("mv", "/root/release-1.1.0", "/root/1.1.0-2")
        yield stage
    finally:
        lab.down()


def run(stage: Stage, line: str) -> str:
    done = stage.lab.exec("zurich", "sh", "-c", f"cd /root && mkdir -p -m 700 .ssh && {line}", timeout_s=180)
    # A plan says by its status whether there is work.
    assert done.returncode in ((0, 3) if "--plan" in line else (0,)), f"{line}\n{done.stderr.decode()}"
    return done.stdout.decode()


def test_an_ordinary_day_goes_as_the_guide_says(stage: Stage) -> None:
    lines = typed("## 4. Every day")
    assert len(lines) > 10
    for line in lines:
        run(stage, line)
    assert stage.healthy()


def test_a_node_is_entered_as_the_guide_says_under_strict_host_keys(stage: Stage) -> None:
    once, enter = typed("### Onto a node")
    run(stage, once)
    assert run(stage, f"{enter} -o BatchMode=yes hostname").strip() == "virginia"


def test_a_person_in_both_groups_reads_and_asks_everything(stage: Stage) -> None:
    (add,) = [line for line in typed("## 2. HQ") if line.startswith("usermod")]
    run(stage, f"useradd -m james && {add}")
    for command in (
        "nodes",
        "health",
        "incidents",
        "run list",
        "release list",
        "render --check",
        "deploy all 1.1.0 --plan",
    ):
        run(stage, f"su james -c 'noc {command}'")


def test_a_person_in_neither_group_is_told_what_is_missing(stage: Stage) -> None:
    run(stage, "useradd -m eve")
    for command in READS:
        done = stage.lab.exec("zurich", "su", "eve", "-c", f"noc {command}")
        assert done.returncode != 0
        told = done.stderr.decode()
        assert told.startswith("✗ NOC-E"), command
        assert "Fix: " in told, command
