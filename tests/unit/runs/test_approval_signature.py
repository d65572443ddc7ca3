import os
import subprocess
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from approval_kit import BASIS, NOW, PEOPLE, caller, request, with_people
from noc.fleet.load import load
from noc.fleet.model import Fleet, Person
from noc.release.sshkeygen import sign_text
from noc.runs.admission.approval import approve, approver_of
from noc.runs.admission.errors import ApprovalExpired, NotAnApprover, SignatureRefused
from noc.runs.admission.request import Request
from noc.runs.admission.signature import NAMESPACE, fingerprint, signer_of, statement
from runs_kit import FLEET_TOML

WAITING = request("high", "james")


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Real keys: of anna, james, the agent claude, and one of nobody's; the file's name is the person's."""
    directory = tmp_path_factory.mktemp("keys")
    for name in ("anna", "james", "claude", "nobody"):
        argv = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", f"{name} on a laptop", "-f", str(directory / name)]
        subprocess.run(argv, check=True, timeout=20)
    return directory


@pytest.fixture(scope="module")
def signed_fleet(keys: Path, tmp_path_factory: pytest.TempPathFactory) -> Fleet:
    """A fleet in which high risk is approved by signature, by another than who asked."""
    directory = tmp_path_factory.mktemp("fleet")
    (directory / "fleet.toml").write_text(FLEET_TOML)
    people = tuple(with_key(person, keys) for person in PEOPLE)
    return with_people(load(directory), people, high="another", signed="high")


def with_key(person: Person, keys: Path) -> Person:
    public = keys / f"{person.name}.pub"
    return person.model_copy(update={"ssh_key": public.read_text().strip()}) if public.exists() else person


def signature(
    fleet: Fleet, key: Path, waiting: Request = WAITING, *, namespace: str = NAMESPACE, text: str | None = None
) -> str:
    return sign_text((text or statement(waiting, fleet)).encode(), key, namespace).decode()


def test_the_statement_names_what_is_approved(signed_fleet: Fleet) -> None:
    assert statement(WAITING, signed_fleet).splitlines() == [
        "I approve this plan for one run.",
        "fleet: clavitor (clavitor.test)",
        f"digest: {WAITING.plan.digest}",
        f"phrase: {WAITING.plan.phrase}",
        "what: deploy 1.1.0 (build 2) and configuration to 3 nodes",
        "risk: high",
        "requester: james",
        "requested: 2026-03-01T12:00:00+00:00",
        "expires: 2026-03-01T13:00:00+00:00",
    ]


def test_no_value_adds_a_line_to_the_statement(signed_fleet: Fleet) -> None:
    hostile = request("high", "james", version="1\nrisk: low")
    assert len(statement(hostile, signed_fleet).splitlines()) == len(statement(WAITING, signed_fleet).splitlines())


@pytest.mark.parametrize("login", ["anna", "root", "noc-agent"])
def test_a_signature_tells_whose_it_is(signed_fleet: Fleet, keys: Path, login: str) -> None:
    person, key = signer_of(WAITING, signed_fleet, caller(login), signature(signed_fleet, keys / "anna"))
    assert person.name == "anna"
    shown = subprocess.run(["ssh-keygen", "-lf", str(keys / "anna.pub")], capture_output=True, text=True, check=True)
    assert key == shown.stdout.split()[1]
    assert fingerprint((keys / "anna.pub").read_text().split()[1]) == key


def test_a_signed_approval_holds(signed_fleet: Fleet, keys: Path) -> None:
    signer = signer_of(WAITING, signed_fleet, caller("root"), signature(signed_fleet, keys / "anna"))
    who = approver_of(caller("root"), signed_fleet, *signer)
    given = approve(WAITING, who, signed_fleet.approval, basis=BASIS, now=NOW)
    assert given.approval is not None
    assert (given.approval.by, given.approval.login, given.approval.key) == ("anna", "root", signer[1])


@pytest.fixture
def agent(keys: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An agent that holds anna's key."""
    started = subprocess.run(["ssh-agent", "-s"], capture_output=True, text=True, check=True, timeout=20)
    values = dict(part.split(";")[0].split("=") for part in started.stdout.splitlines() if "=" in part)
    monkeypatch.setenv("SSH_AUTH_SOCK", values["SSH_AUTH_SOCK"])
    subprocess.run(["ssh-add", "-q", str(keys / "anna")], check=True, timeout=20)
    yield
    environment = {**os.environ, "SSH_AGENT_PID": values["SSH_AGENT_PID"]}
    subprocess.run(["ssh-agent", "-k"], check=True, capture_output=True, timeout=20, env=environment)


def test_an_agent_signs_for_the_public_half(signed_fleet: Fleet, keys: Path, tmp_path: Path, agent: None) -> None:
    public = tmp_path / "anna.pub"
    public.write_bytes((keys / "anna.pub").read_bytes())
    person, _ = signer_of(WAITING, signed_fleet, caller("root"), signature(signed_fleet, public))
    assert person.name == "anna"


def test_a_signature_for_another_purpose_is_refused(signed_fleet: Fleet, keys: Path) -> None:
    made = signature(signed_fleet, keys / "anna", namespace="noc-release")
    with pytest.raises(SignatureRefused, match=r"another purpose.*'noc-release'"):
        signer_of(WAITING, signed_fleet, caller("root"), made)


def test_a_signature_of_another_plan_is_refused(signed_fleet: Fleet, keys: Path) -> None:
    other = request("high", "james", build=3)
    with pytest.raises(SignatureRefused, match=r"does not fit the statement.*another plan"):
        signer_of(WAITING, signed_fleet, caller("root"), signature(signed_fleet, keys / "anna", other))


@pytest.mark.parametrize("field", ["at", "expires"])
def test_a_signature_of_an_earlier_request_is_refused(signed_fleet: Fleet, keys: Path, field: str) -> None:
    earlier = WAITING.model_copy(update={field: getattr(WAITING, field) - timedelta(microseconds=1)})
    with pytest.raises(SignatureRefused, match="earlier request"):
        signer_of(WAITING, signed_fleet, caller("root"), signature(signed_fleet, keys / "anna", earlier))


def test_a_signature_for_another_fleet_is_refused(signed_fleet: Fleet, keys: Path) -> None:
    other = signed_fleet.model_copy(update={"name": "staging"})
    with pytest.raises(SignatureRefused, match="does not fit"):
        signer_of(WAITING, signed_fleet, caller("root"), signature(other, keys / "anna"))


def test_the_key_of_nobody_is_refused(signed_fleet: Fleet, keys: Path) -> None:
    with pytest.raises(SignatureRefused, match=r"nobody whom fleet.toml lists.*SHA256:"):
        signer_of(WAITING, signed_fleet, caller("root"), signature(signed_fleet, keys / "nobody"))


def test_the_key_of_another_person_than_is_logged_in_is_refused(signed_fleet: Fleet, keys: Path) -> None:
    with pytest.raises(SignatureRefused, match="anna's, but olga is logged in"):
        signer_of(WAITING, signed_fleet, caller("olga"), signature(signed_fleet, keys / "anna"))


@pytest.mark.parametrize("name", ["james", "claude"])
def test_a_good_signature_of_somebody_who_may_not_approve_is_refused(
    signed_fleet: Fleet, keys: Path, name: str
) -> None:
    signer = signer_of(WAITING, signed_fleet, caller("root"), signature(signed_fleet, keys / name))
    who = approver_of(caller("root"), signed_fleet, *signer)
    with pytest.raises(NotAnApprover):
        approve(WAITING, who, signed_fleet.approval, basis=BASIS, now=NOW)


def test_a_good_signature_that_comes_too_late_is_refused(signed_fleet: Fleet, keys: Path) -> None:
    signer = signer_of(WAITING, signed_fleet, caller("anna"), signature(signed_fleet, keys / "anna"))
    who = approver_of(caller("anna"), signed_fleet, *signer)
    with pytest.raises(ApprovalExpired, match="13:00:00 UTC"):
        approve(WAITING, who, signed_fleet.approval, basis=BASIS, now=WAITING.expires)


@pytest.mark.parametrize("text", ["", "yes", "-----BEGIN SSH SIGNATURE-----", "é" * 20_000, "\ud800"])
def test_what_is_no_signature_is_refused(signed_fleet: Fleet, text: str) -> None:
    with pytest.raises(SignatureRefused, match="no SSH signature"):
        signer_of(WAITING, signed_fleet, caller("root"), text)


def test_a_signature_that_was_changed_is_refused(signed_fleet: Fleet, keys: Path) -> None:
    lines = signature(signed_fleet, keys / "anna").splitlines()
    lines[-3] = lines[-3][::-1]
    with pytest.raises(SignatureRefused):
        signer_of(WAITING, signed_fleet, caller("root"), "\n".join(lines) + "\n")
