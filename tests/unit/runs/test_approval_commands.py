"""Approvals and the audit as people use them: commands in processes of their own, a runner on a real socket."""

import io
import json
import os
import pty
import subprocess
from collections.abc import Generator, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from approval_kit import NOW
from command_kit import NOC, begin, environment
from noc.errors import NocError
from noc.runs.plan.phrase import phrase
from noc.runs.plan.plan import Plan
from runner_house import House

POLICY = """
[approval]
low = "{rule}"
signed = "{signed}"
[[people]]
name = "anna"
role = "approver"
ssh_key = "{key}"
"""


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Anna's."""
    made = tmp_path_factory.mktemp("keys") / "anna"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(made)], check=True, timeout=20)
    return made


class Office:
    """Root asks for new keys under some rule, in a thread's runner; commands are given in this process, or in one of
    their own where that is the point."""

    def __init__(self, house: House, key: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.house, self._key, self._capsys = house, key, capsys
        self.waits: Generator[dict[str, Any]] | None = None

    def set(self, rule: str, signed: str = "never") -> None:
        """Say who has to agree."""
        fleet = self.house.paths.fleet / "fleet.toml"
        public = self._key.with_suffix(".pub").read_text().strip()
        fleet.write_text(fleet.read_text() + POLICY.format(rule=rule, signed=signed, key=public))

    def ask(self, rule: str = "one", signed: str = "never") -> None:
        """Ask for new keys, and wait for an answer."""
        self.set(rule, signed)
        client = self.house.client
        plan = client.ask("plan", action="keygen", nodes=["frankfurt"])["plan"]
        self.waits = client._stream("start", {"plan": plan})
        assert "approval" in next(self.waits)

    def noc(self, *arguments: str) -> tuple[int, str, str]:
        """Give a command; returns its exit code, stdout and stderr."""
        from noc.cli.main import run

        status = 0
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr("sys.argv", ["noc", *arguments])
            for name, value in environment(self.house).items():
                patched.setenv(name, value)
            try:
                run()
            except SystemExit as ended:
                status = int(ended.code or 0)
        told = self._capsys.readouterr()
        return status, told.out, told.err

    def request(self) -> dict[str, Any]:
        """The one that waits."""
        (request,) = json.loads(self.noc("pending", "--json")[1])["requests"]
        return dict(request)

    def audit(self) -> list[dict[str, Any]]:
        """What it tells."""
        return list(json.loads(self.noc("audit", "--json")[1])["entries"])


@pytest.fixture
def office(house: House, key: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Office]:
    made = Office(house, key, capsys)
    yield made
    with suppress(NocError):
        house.client.ask("deny", request="last")
    with suppress(NocError):  # who waits is let go by an answer, or by the end of the run
        list(made.waits or ())


def test_what_waits_is_listed_with_its_phrase(office: Office) -> None:
    office.ask("one")
    request = office.request()
    status, out, _ = office.noc("pending")
    heading, row = out.splitlines()
    assert status == 0
    assert heading.split() == ["phrase", "what", "risk", "requester", "needs", "expires"]
    assert row.startswith(f"{phrase(request['digest'])}  keygen frankfurt  low   root       an approver  ")
    assert row.rstrip().endswith("UTC)")


def test_where_nothing_waits_that_is_said(office: Office) -> None:
    assert office.noc("pending") == (0, "✓ nothing waits\n", "")


def test_an_approval_begins_the_run_and_both_people_see_it_end(office: Office) -> None:
    office.set("one")
    asking = begin(office.house, "rotate", "wg", "frankfurt")
    assert asking.stderr is not None
    assert "waiting for an approval" in asking.stderr.readline()
    office.house.let_go()
    words = office.request()["phrase"].split()
    status, out, err = office.noc("approve", *words, "--yes")
    assert status == 0, err
    assert f"phrase {' '.join(words)}" in out
    assert "✓ approved  keygen frankfurt" in err
    assert "✓ rotated" in out
    out, _ = asking.communicate(timeout=30)
    assert asking.returncode == 0
    assert "✓ rotated" in out
    assert office.noc("pending")[1] == "✓ nothing waits\n"


def test_an_approval_is_used_up(office: Office) -> None:
    office.ask("one")
    office.house.let_go()
    digest = office.request()["digest"]
    assert office.noc("approve", digest, "--yes")[0] == 0
    status, _, err = office.noc("approve", digest, "--yes")
    assert status == 7
    assert "E533" in err


def test_who_asked_cannot_be_another(office: Office) -> None:
    office.ask("another")
    status, _, err = office.noc("approve", "--yes")
    assert status == 5
    assert "somebody else has to approve it" in err


def test_a_signature_made_here_approves(office: Office, key: Path) -> None:
    office.ask("another", signed="low")
    office.house.let_go()
    status, _, err = office.noc("approve", "--yes")
    assert status == 2
    assert "--key FILE" in err
    assert office.noc("approve", "--yes", "--key", str(key))[0] == 0
    approved = next(entry for entry in office.audit() if entry["what"].startswith("approve"))
    assert approved["detail"]["person"] == "anna"
    assert approved["detail"]["key"].startswith("SHA256:")


def test_a_signature_made_elsewhere_approves(office: Office, key: Path, tmp_path: Path) -> None:
    office.ask("another", signed="low")
    office.house.let_go()
    statement = tmp_path / "plan"
    statement.write_text(office.noc("approve", "--statement")[1])
    argv = ["ssh-keygen", "-q", "-Y", "sign", "-n", "noc-approval", "-f", str(key), str(statement)]
    subprocess.run(argv, check=True, timeout=20)
    status, out, _ = office.noc("approve", "--yes", "--signature", f"{statement}.sig", "--no-follow", "--json")
    assert status == 0
    assert json.loads(out)["run"]


def test_a_signature_of_something_else_is_refused(office: Office, key: Path, tmp_path: Path) -> None:
    office.ask("another", signed="low")
    (tmp_path / "plan").write_text("I approve everything.\n")
    argv = ["ssh-keygen", "-q", "-Y", "sign", "-n", "noc-approval", "-f", str(key), str(tmp_path / "plan")]
    subprocess.run(argv, check=True, timeout=20)
    status, _, err = office.noc("approve", "--yes", "--signature", str(tmp_path / "plan.sig"))
    assert status == 5
    assert "E537" in err


def test_without_a_terminal_nobody_agrees(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    office.ask("one")
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    status, _, err = office.noc("approve")
    assert status == 2
    assert "give --yes" in err
    assert office.request()["state"] == "pending"


@pytest.mark.parametrize(("answer", "state"), [(b"n\n", "pending"), (b"y\n", None)])
def test_at_a_terminal_the_person_is_asked(office: Office, answer: bytes, state: str | None) -> None:
    office.ask("one")
    office.house.let_go()
    person, terminal = pty.openpty()
    os.write(person, answer)
    done = subprocess.run(
        [*NOC, "approve"],
        env=environment(office.house),
        stdin=terminal,
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    os.close(person)
    os.close(terminal)
    assert "Approve " in done.stderr
    assert done.returncode == (1 if state else 0)
    assert [request["state"] for request in json.loads(office.noc("pending", "--json")[1])["requests"]] == (
        [state] if state else []
    )


def test_a_denial_ends_the_wait_with_its_reason(office: Office) -> None:
    office.ask("one")
    status, out, _ = office.noc("deny", "last", "--reason", "not before the weekend")
    assert (status, out.split()[:2]) == (0, ["✓", "denied"])
    assert office.waits is not None
    with pytest.raises(NocError, match=r"E534.*not before the weekend"):
        list(office.waits)


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (("approve", "last", "--yes"), 4, "E535"),
        (("deny", "00000000"), 4, "E535"),
        (("approve", "zz", "--yes"), 2, "four words"),
        (("approve", "--key", "a", "--signature", "b"), 2, "exclude"),
        (("approve", "--json"), 2, "--yes"),
    ],
)
def test_what_cannot_be_answered_is_said(office: Office, arguments: tuple[str, ...], status: int, words: str) -> None:
    code, _, err = office.noc(*arguments)
    assert code == status
    assert words in err


def test_the_audit_tells_who_did_what(office: Office) -> None:
    office.ask("one")
    office.house.let_go()
    office.noc("approve", "--yes")
    told = [(entry["kind"], entry["what"], entry["result"]) for entry in office.audit()]
    assert told == [
        ("intent", "ask for keygen frankfurt", ""),
        ("outcome", "ask for keygen frankfurt", "ok"),
        ("intent", "approve keygen frankfurt", ""),
        ("outcome", "approve keygen frankfurt", "ok"),
        ("intent", "keygen frankfurt", ""),
        ("outcome", "keygen frankfurt", "ok"),
    ]
    _, out, _ = office.noc("audit", "-n", "1")
    assert "✓ ok  keygen frankfurt  by root" in out
    assert "UTC)" in out


def test_the_audit_is_followed_as_it_grows(office: Office) -> None:
    office.ask("one")
    following = begin(office.house, "audit", "--follow", "--json")
    assert following.stdout is not None
    assert [json.loads(following.stdout.readline())["seq"] for _ in range(2)] == [1, 2]
    office.noc("deny")
    assert json.loads(following.stdout.readline())["what"] == "deny keygen frankfurt"
    following.kill()
    following.communicate()


def test_an_audit_that_is_whole_is_verified(office: Office) -> None:
    office.ask("one")
    status, out, _ = office.noc("audit", "verify")
    assert status == 0
    assert out.startswith("✓ whole  2 entries, the last is ")


def test_an_audit_whose_tail_was_cut_off_is_not(office: Office) -> None:
    office.ask("one")
    office.house.let_go()
    office.noc("approve", "--yes")
    path = office.house.paths.audit
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:2]))
    status, out, err = office.noc("audit", "verify", "--json")
    assert status == 1
    assert json.loads(out)["last"]["seq"] == 2
    assert "but the audit ends at 2" in json.loads(out)["problems"][0]
    assert office.noc("audit", "verify")[0] == 1
    assert err == ""


def test_an_audit_is_held_against_what_a_person_has_noted(office: Office) -> None:
    office.ask("one")
    last = json.loads(office.noc("audit", "verify", "--json")[1])["last"]
    noted = f"{last['seq']}:{last['hash']}"
    assert office.noc("audit", "verify", "--head", noted)[0] == 0
    status, _, err = office.noc("audit", "verify", "--head", f"{last['seq']}:{'0' * 64}")
    assert (status, "your note saw another entry 2 than the audit has" in err) == (1, True)


def test_what_is_no_entry_of_the_audit_is_refused_with_the_right_form(office: Office) -> None:
    status, _, err = office.noc("audit", "verify", "--head", "37")
    assert (status, "--head NUMBER:HASH" in err) == (2, True)


def test_a_plan_that_is_shown_as_another_is_not_approved() -> None:
    from noc.cli.approve import _check
    from noc.runs.errors import PlanRefused

    plan = Plan(action="keygen", nodes=("frankfurt",), created=NOW).sealed()
    good = {
        "digest": plan.digest,
        "phrase": plan.phrase,
        "plan": plan.model_dump(mode="json"),
        "statement": f"digest: {plan.digest}\n",
    }
    _check(good)
    for lie in ({"digest": "0" * 64}, {"phrase": phrase("0" * 64)}, {"statement": f"digest: {'0' * 64}\n"}):
        with pytest.raises(PlanRefused):
            _check({**good, **lie})
