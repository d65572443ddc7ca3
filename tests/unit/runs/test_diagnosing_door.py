"""Commands and shells through the runner's door, over OpenSSH's server on loopback: who may, and hostile clients."""

import getpass
import json
import re
import socket
import time
from base64 import b64decode, b64encode
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from loopback_sshd import LoopbackSshd, LoopbackWays
from noc.errors import NocError
from noc.fleet.load import load
from noc.hosts.errors import Unreachable
from noc.runs.errors import RunnerAbsent
from noc.runs.paths import Paths
from noc.runs.runner import diagnosing
from noc.runs.runner.client import Talk
from runner_house import House
from runs_kit import World, make_site

ALONE = ["sh", "-c", "echo $$; exec sleep 600"]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[LoopbackSshd]:
    (tmp_path / "sshd").mkdir()
    made = LoopbackSshd(tmp_path / "sshd")
    yield made
    made.close()


@pytest.fixture(autouse=True)
def on_loopback(monkeypatch: pytest.MonkeyPatch, paths: Paths, server: LoopbackSshd, world: World) -> None:
    def site(_: Paths) -> Any:
        return replace(make_site(paths, load(paths.fleet), world), ways=LoopbackWays(server))  # type: ignore[arg-type]

    monkeypatch.setattr(diagnosing, "open_site", site)


def run_there(house: House, argv: list[str], *nodes: str, **more: Any) -> list[dict[str, Any]]:
    with house.client.talk("exec", nodes=list(nodes or ["frankfurt"]), argv=argv, **more) as talk:
        # This server is a talkative one, and says so to the sessions that it serves as well.
        said = list(talk.answers("end"))[:-1]
        return [answer for answer in said if not answer.get("line", "").startswith("debug1: ")]


def shell(house: House, **more: Any) -> Any:
    return house.client.talk("ssh", **{"node": "frankfurt", "term": "vt100", "size": [80, 24], **more})


def sees(talk: Talk, pattern: bytes) -> re.Match[bytes]:
    """Take answers until a pattern stands on the screen."""
    screen = b""
    while not (found := re.search(pattern, screen)):
        answer = talk.answer()
        assert answer is not None, screen
        screen += b64decode(answer.get("screen", ""))
    return found


def press(talk: Talk, keys: bytes) -> None:
    talk.say(keys=b64encode(keys).decode())


def gone(process: int) -> None:
    end = time.monotonic() + 30
    while Path(f"/proc/{process}").exists():
        assert time.monotonic() < end, f"{process} runs on"
        time.sleep(0.05)


def told_last(house: House) -> dict[str, Any]:
    """The last entry of the audit that is an outcome."""
    entries = house.client.ask("audit", limit=10)["entries"]
    return next(entry for entry in reversed(entries) if entry["kind"] == "outcome")


def refusal(house: House, op: str, **fields: Any) -> str:
    with pytest.raises(NocError) as raised, house.client.talk(op, **fields) as talk:
        list(talk.answers("never"))
    return raised.value.code


def test_each_word_of_a_command_arrives_as_it_was_given(house: House) -> None:
    words = ["a b", "", "$HOME", "*", "it's", '"', "--", "é", ";exit 3"]
    _, *lines, end = run_there(house, ["printf", "%s\n", *words])
    assert [line["line"] for line in lines] == words
    assert end["exit"] == 0


def test_both_streams_and_the_exit_code_are_told_apart(house: House) -> None:
    _, *lines, end = run_there(house, ["sh", "-c", "echo good; echo bad >&2; exit 9"])
    assert {(line["stream"], line["line"]) for line in lines} == {("out", "good"), ("err", "bad")}
    assert (end["exit"], end["cut"]) == (9, 0)


def test_what_a_command_says_beyond_the_bound_is_counted(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("noc.runs.diagnosis.execution.MAX_OUTPUT", 5000)
    _, *lines, end = run_there(house, ["python3", "-c", "for _ in range(100): print('x' * 99)"])
    assert 0 < len(lines) <= 50
    assert end["cut"] >= 100 * (100 - len(lines))


def test_a_node_that_cannot_be_reached_is_told_of_and_ends_nothing_for_the_others(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    dial = LoopbackWays.dial

    async def some(self: LoopbackWays, name: str, *where: Any, **more: Any) -> Any:
        if name == "virginia":
            raise Unreachable(f"{name} cannot be reached")
        return await dial(self, name, *where, **more)

    monkeypatch.setattr(LoopbackWays, "dial", some)
    _, *ends = run_there(house, ["true"], "virginia", "frankfurt")
    found = {end["node"]: end.get("exit", end.get("failed", {}).get("what")) for end in ends}
    assert found == {"virginia": "virginia cannot be reached", "frankfurt": 0}


def test_a_command_that_takes_too_long_is_ended_with_all_that_it_started(house: House) -> None:
    _, line, end = run_there(house, ["sh", "-c", "sleep 600 & echo $!; wait"], within_s=0.5)
    assert end["exit"] == 124
    gone(int(line["line"]))


def test_a_command_ends_with_the_client_that_asked_for_it(house: House) -> None:
    with house.client.talk("exec", nodes=["frankfurt"], argv=ALONE) as talk:
        line = next(answer["line"] for answer in talk.answers("end") if answer.get("line", "").isdigit())
    gone(int(line))
    end = time.monotonic() + 30
    while told_last(house)["result"] != diagnosing.LEFT:
        assert time.monotonic() < end, told_last(house)
        time.sleep(0.05)


def test_the_audit_holds_the_command_line_and_the_exit_codes_and_nothing_that_was_said(house: House) -> None:
    run_there(house, ["sh", "-c", "expr 6 \\* 1111; exit 4"], "frankfurt", "virginia")
    entries = house.client.ask("audit", limit=2)["entries"]
    assert entries[0]["detail"]["command"] == "sh -c 'expr 6 \\* 1111; exit 4'"
    assert entries[1]["detail"]["exits"] == {"frankfurt": 4, "virginia": 4}
    assert "6666" not in json.dumps(entries)


@pytest.mark.parametrize("argv", [[], [""], ["echo", "a\0b"], ["echo", "x" * 70_000]])
def test_a_command_that_cannot_be_carried_is_refused(house: House, argv: list[str]) -> None:
    assert refusal(house, "exec", nodes=["frankfurt"], argv=argv) == "E772"


def test_a_node_that_a_run_has_in_hand_is_left_alone_unless_somebody_insists(house: House) -> None:
    _, events = house.client.start(house.client.ask("plan", action="keygen", nodes=["frankfurt"])["plan"])
    next(events)
    assert refusal(house, "exec", nodes=["frankfurt"], argv=["true"]) == "E771"
    assert run_there(house, ["true"], "virginia")[-1]["exit"] == 0
    assert run_there(house, ["true"], "frankfurt", anyway=True)[-1]["exit"] == 0
    events.close()


@pytest.mark.parametrize("role", ["viewer", "agent"])
@pytest.mark.parametrize(("op", "fields"), [("logs", {}), ("exec", {"argv": ["true"]}), ("ssh", {"node": "virginia"})])
def test_who_only_looks_and_what_is_no_person_gets_nothing_of_a_node(
    house: House, role: str, op: str, fields: dict[str, Any]
) -> None:
    file = house.paths.fleet / "fleet.toml"
    file.write_text(file.read_text() + f'\n[[people]]\nname = "{getpass.getuser()}"\nrole = "{role}"\n')
    assert refusal(house, op, nodes=["virginia"], **fields) == "E770"
    assert house.client.ask("audit", limit=1)["entries"][0]["kind"] == "refusal"


def test_a_shell_has_the_terminal_that_was_asked_for_and_follows_its_size(house: House) -> None:
    with shell(house, size=[91, 31]) as talk:
        press(talk, b"stty size; echo $TERM\r")
        sees(talk, rb"31 91\s+vt100\s")
        talk.say(size=[92, 32])
        press(talk, b"until stty size | grep '32 92'; do :; done; exit 5\r")
        *_, last = talk.answers("exit")
    assert last == {"exit": 5}
    assert told_last(house)["detail"] == {"exit": 5}


def test_a_shell_in_which_nobody_types_is_ended(house: House) -> None:
    with pytest.raises(NocError) as raised, shell(house, idle_s=1) as talk:
        list(talk.answers("never"))
    assert raised.value.code == "E776"


def test_a_shell_ends_with_the_client(house: House) -> None:
    with shell(house) as talk:
        press(talk, b"exec python3 -c 'import os, time; print(f\"<{os.getpid()}>\"); time.sleep(600)'\r")
        process = int(sees(talk, rb"<(\d+)>")[1])
    gone(process)


@pytest.mark.parametrize(
    "line",
    [
        b'{"size": [80, 24',
        b'{"size": [0, 24]}\n',
        b'{"size": [80]}\n',
        b'{"size": "80x24"}\n',
        b'{"size": [1e9, 2]}\n',
        b'{"keys": "%%%"}\n',
        b'{"keys": 7}\n',
        b'{"keys": "' + b64encode(b"x" * 40_000) + b'"}\n',
        b'{"op": "halt"}\n',
        b"[]\n",
        b"\xff\xfe\n",
        b"[" * 50_000 + b"\n",
        b"x" * 3_000_000 + b"\n",
    ],
    ids=["half", "zero", "one side", "words", "float", "no base64", "a number", "many", "an operation", "a list",
         "no UTF-8", "deep", "huge"],
)  # fmt: skip
def test_a_client_that_makes_no_sense_in_a_shell_loses_it_and_the_runner_lives_on(house: House, line: bytes) -> None:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(30)
        connection.connect(str(house.paths.runner_socket))
        asked = {"op": "ssh", "node": "frankfurt", "term": "vt100", "size": [80, 24]}
        connection.sendall(json.dumps(asked).encode() + b"\n")
        said = connection.makefile("rb")
        assert "open" in json.loads(said.readline())
        with suppress(BrokenPipeError, ConnectionResetError):  # it is not read to its end
            connection.sendall(line)
            connection.shutdown(socket.SHUT_WR)
            refused = [each for each in map(json.loads, said) if "error" in each]
            assert bool(refused) == line.endswith(b"\n")
    assert house.client.ask("list") == {"runs": []}


def test_a_runner_that_goes_away_in_the_middle_is_told_from_the_end(house: House) -> None:
    with shell(house) as talk:
        assert talk.answer()
        house.call(house.end_talks())
        with pytest.raises(RunnerAbsent):
            list(talk.answers("exit"))


@pytest.mark.parametrize("op", ["ssh", "reach", "tunnel"])
def test_what_is_for_one_node_is_not_for_all(house: House, op: str) -> None:
    assert refusal(house, op, node="all", size=[80, 24]) == "E002"


def test_there_is_an_end_to_how_many_are_open(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diagnosing, "AT_ONCE", 1)
    with shell(house) as talk:
        assert talk.answer()
        assert refusal(house, "exec", nodes=["frankfurt"], argv=["true"]) == "E774"


def test_a_terminal_s_kind_that_is_none_is_refused(house: House) -> None:
    assert refusal(house, "ssh", node="frankfurt", term="x;reboot", size=[80, 24]) == "E775"
