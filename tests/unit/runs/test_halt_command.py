"""`noc lease` and `noc halt` against a runner on a real socket."""

import json
import sys
from collections.abc import Callable

import pytest

from command_kit import environment
from noc.cli.main import run
from noc.runs.admission.halt import Halt
from runner_house import House

Given = Callable[..., tuple[int, str, str]]


@pytest.fixture
def noc(house: House, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Given:
    """Gives a command in this process; returns its exit code, stdout and stderr."""
    for name, value in environment(house).items():
        monkeypatch.setenv(name, value)

    def give(*args: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["noc", *args])
        with pytest.raises(SystemExit) as ended:
            run()
        said = capsys.readouterr()
        return int(ended.value.code or 0), said.out, said.err

    return give


@pytest.fixture
def under_way(house: House) -> None:
    """A run that waits in its first step."""
    plan = house.client.ask("plan", action="keygen", nodes=["frankfurt"])["plan"]
    _, events = house.client.start(plan)
    next(events)
    events.close()


def test_runs_begin_again_once_a_halt_is_lifted(house: House, noc: Given) -> None:
    house.let_go()
    noc("halt")
    assert noc("rotate", "wg", "virginia")[0] == 7
    assert noc("halt", "--lift")[0] == 0
    assert noc("rotate", "wg", "virginia")[0] == 0


def test_a_halt_is_shown_with_exit_code_7_and_its_absence_with_0(noc: Given) -> None:
    assert noc("halt", "--show")[:2] == (0, "nothing is halted\n")
    noc("halt", "--reason", "a fire")
    status, out, _ = noc("halt", "--show")
    assert status == 7
    assert "a fire; noc halt --lift lets runs begin again" in out


def test_a_lift_where_nothing_is_halted_says_so(noc: Given) -> None:
    assert noc("halt", "--lift")[:2] == (0, "nothing was halted\n")


@pytest.mark.parametrize("options", [("--lift", "--show"), ("--lift", "--reason", "x"), ("--show", "--reason", "x")])
def test_options_of_halt_that_exclude_each_other_are_a_mistake(noc: Given, options: tuple[str, ...]) -> None:
    assert noc("halt", *options)[0] == 2


def test_each_form_of_halt_has_a_document(noc: Given) -> None:
    said = [json.loads(noc("halt", *options, "--json")[1]) for options in ((), ("--show",), ("--lift",))]
    assert [next(iter(document)) for document in said] == ["halt", "halt", "lifted"]
    assert said[0]["halt"] == said[1]["halt"] == said[2]["lifted"]


@pytest.mark.usefixtures("under_way")
def test_lease_says_in_one_sentence_who_holds_it(noc: Given) -> None:
    status, out, _ = noc("lease")
    assert (status, "holds the lease since" in out, out.count("\n")) == (0, True, 1)


def test_lease_says_what_is_halted_too(noc: Given) -> None:
    noc("halt", "--reason", "a fire")
    first, second = noc("lease")[1].splitlines()
    assert first == "nobody holds the lease: a run may begin"
    assert "a fire" in second


@pytest.mark.usefixtures("under_way")
def test_lease_as_a_document(noc: Given) -> None:
    document = json.loads(noc("lease", "--json")[1])
    assert (document["standing"], document["lease"]["fence"], document["halt"]) == ("held", 1, None)


@pytest.mark.usefixtures("under_way")
def test_a_halt_names_the_run_that_it_ends(house: House, noc: Given) -> None:
    run_id = house.client.ask("list")["runs"][0]["run"]
    assert f"run {run_id} ends at its next step" in noc("halt")[1]


def test_without_a_runner_lease_and_halt_go_by_their_files(house: House, noc: Given) -> None:
    house.call(house.door.close())
    house.paths.runner_socket.unlink()
    assert noc("lease")[1] == "nobody holds the lease: a run may begin\n"
    assert noc("halt", "--reason", "a fire")[0] == 0
    standing = Halt(house.paths.halt).read()
    assert standing is not None
    assert standing.why == "a fire"
    assert noc("halt", "--lift")[0] == 1
