"""The commands as an operator gives them, each in a process of its own, against a runner on a real socket."""

import json

import pytest

from command_kit import begin, noc
from noc.cli.provision import read_options
from noc.errors import Usage
from runner_house import House


def test_without_a_terminal_there_is_a_line_a_transition_and_then_the_table(house: House) -> None:
    house.let_go()
    status, out, err = noc(house, "rotate", "wg", "frankfurt")
    assert status == 0
    assert [line.split()[2:5] for line in err.splitlines()] == [
        ["frankfurt", "switch", "started"],
        ["frankfurt", "switch", "ok"],
    ]
    assert out.splitlines()[:2] == ["node       before  now  verdict  ", "frankfurt  x       y    ✓ rotated"]


def test_with_json_stdout_is_one_document(house: House) -> None:
    house.let_go()
    status, out, _ = noc(house, "rotate", "wg", "frankfurt", "--json")
    document = json.loads(out)
    assert (status, document["exit"], document["nodes"][0]["verdict"]) == (0, 0, "rotated")


def test_a_run_that_is_busy_is_exit_code_7(house: House) -> None:
    with begin(house, "rotate", "wg", "frankfurt") as first:
        assert first.stderr is not None
        first.stderr.readline()
        status, _, err = noc(house, "rotate", "wg", "virginia")
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
