"""`noc lab` on a running lab: results on stdout, exit codes passed through."""

import json
import os
import subprocess
import sys

import pytest

from noc.lab.lab import Lab


def noc_lab(lab: Lab, *args: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-c", "from noc.cli.main import run; run()", "lab", *args],
        check=False, capture_output=True, text=True, timeout=60,
        env={**os.environ, "NOC_LAB_DIR": str(lab.places.state)},
    )  # fmt: skip


def test_status_is_one_json_document_with_every_machine(lab: Lab) -> None:
    rows = {row["name"]: row for row in json.loads(noc_lab(lab, "status", "--json").stdout)["machines"]}
    assert set(rows) == {"internet", "zurich", "virginia", "frankfurt"}
    virginia = rows["virginia"]
    assert (virginia["image"], virginia["address"], virginia["state"]) == ("warm", "198.51.100.21", "running")
    assert virginia["pid"] > 0
    assert virginia["uptime_s"] > 0
    assert len(virginia["boot_id"]) == 36


@pytest.mark.parametrize("status", [0, 3, 7])
def test_a_command_on_hq_ends_with_its_own_exit_code(lab: Lab, status: int) -> None:
    done = noc_lab(lab, "run", "--", "sh", "-c", f"hostname; exit {status}")
    assert (done.stdout, done.returncode) == ("zurich\n", status)


def test_a_command_at_a_machine_s_console_passes_output_and_exit_code(lab: Lab) -> None:
    done = noc_lab(lab, "ssh", "frankfurt", "--", "sh", "-c", "hostname; exit 5")
    assert (done.stdout, done.returncode) == ("frankfurt\n", 5)


def test_the_power_switch_and_the_cable(lab: Lab) -> None:
    for verb, state in (("kill", "off"), ("boot", "running"), ("cut", "cut"), ("heal", "running")):
        assert noc_lab(lab, verb, "virginia").returncode == 0
        rows = json.loads(noc_lab(lab, "status", "--json").stdout)["machines"]
        assert next(row["state"] for row in rows if row["name"] == "virginia") == state


def test_an_unknown_machine_is_exit_code_4(lab: Lab) -> None:
    done = noc_lab(lab, "cut", "atlantis")
    assert done.returncode == 4
    assert "NOC-E706" in done.stderr


def test_up_refuses_names_and_a_count_together(lab: Lab) -> None:
    assert noc_lab(lab, "up", "virginia", "--nodes", "2").returncode == 2
