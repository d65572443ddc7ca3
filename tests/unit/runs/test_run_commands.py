"""The commands as an operator gives them, each in a process of its own, against a runner on a real socket."""

import json
import os
import signal
import subprocess
import sys

import pytest

from noc.cli.provision import read_options
from noc.errors import Usage
from runner_house import House

NOC = (sys.executable, "-c", "from noc.cli.main import run; run()")


def begin(house: House, *args: str) -> "subprocess.Popen[str]":
    environment = {**os.environ, "NOC_RUNNER_SOCKET": str(house.paths.runner_socket), "COLUMNS": "200"}
    return subprocess.Popen([*NOC, *args], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def noc(house: House, *args: str) -> tuple[int, str, str]:
    with begin(house, *args) as process:
        out, err = process.communicate(timeout=30)
    return process.returncode, out, err


def test_without_a_terminal_there_is_a_line_a_transition_and_then_the_table(house: House) -> None:
    house.let_go()
    status, out, err = noc(house, "keygen", "frankfurt")
    assert status == 0
    assert [line.split()[2:5] for line in err.splitlines()] == [
        ["frankfurt", "switch", "started"],
        ["frankfurt", "switch", "ok"],
    ]
    assert out.splitlines()[:2] == ["node       before  now  verdict  ", "frankfurt  x       y    ✓ rotated"]


def test_with_json_stdout_is_one_document(house: House) -> None:
    house.let_go()
    status, out, _ = noc(house, "keygen", "frankfurt", "--json")
    document = json.loads(out)
    assert (status, document["exit"], document["nodes"][0]["verdict"]) == (0, 0, "rotated")


def test_ctrl_c_leaves_the_run_running_and_says_how_to_find_it(house: House) -> None:
    with begin(house, "keygen", "frankfurt") as process:
        assert process.stderr is not None
        assert "started" in process.stderr.readline()
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)
    run = house.client.ask("list")["runs"][0]
    assert (process.returncode, run["outcome"]) == (130, "running")
    assert f"noc run show {run['run']} --follow" in err


def test_ctrl_c_with_json_is_one_document_too(house: House) -> None:
    with begin(house, "keygen", "frankfurt", "--json") as process:
        assert process.stderr is not None
        assert "started" in process.stderr.readline()
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=30)
    error = json.loads(out)["error"]
    assert (process.returncode, error["code"]) == (130, "NOC-E006")
    assert "--follow" in error["fix"]


def test_a_run_that_is_busy_is_exit_code_7(house: House) -> None:
    with begin(house, "keygen", "frankfurt") as first:
        assert first.stderr is not None
        first.stderr.readline()
        status, _, err = noc(house, "keygen", "virginia")
        house.let_go()
        first.communicate(timeout=30)
    assert status == 7
    assert "E503" in err


def test_without_a_release_deploy_says_what_is_missing(house: House) -> None:
    status, _, err = noc(house, "deploy", "all")
    assert status == 2
    assert "noc deploy all 1.4.2" in err


def test_hosts_are_read_for_one_node_and_for_several() -> None:
    assert read_options(["a"], "192.0.2.1", "SHA256:x", []) == {
        "address": {"a": "192.0.2.1"},
        "host_key": {"a": "SHA256:x"},
    }
    assert read_options(["a", "b"], None, None, ["a=192.0.2.1,SHA256:x", "b=192.0.2.2"]) == {
        "address": {"a": "192.0.2.1", "b": "192.0.2.2"},
        "host_key": {"a": "SHA256:x"},
    }


@pytest.mark.parametrize("words", [(["a", "b"], "192.0.2.1", None, []), (["a"], None, None, ["a"])])
def test_an_option_that_fits_no_node_is_a_mistake(words: tuple[list[str], str | None, str | None, list[str]]) -> None:
    with pytest.raises(Usage):
        read_options(*words)
