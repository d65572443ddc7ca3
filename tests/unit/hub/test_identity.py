import json
import subprocess
from pathlib import Path

import pyrage
import pytest
from typer.testing import CliRunner

from noc.cli.init import app
from noc.hub.errors import AlreadyMade
from noc.hub.identity import make_identities
from noc.release.sshsig import principal_of


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("home") / "noc"
    make_identities(directory)
    return directory


def test_secrets_are_readable_by_their_owner_alone(home: Path) -> None:
    assert mode(home) == 0o700
    for name in ("release_key", "operator.agekey", "recovery.agekey"):
        assert mode(home / name) == 0o600


def test_nothing_else_is_left_behind(home: Path) -> None:
    assert sorted(path.name for path in home.iterdir()) == [
        "operator.agekey",
        "recovery.agekey",
        "release_key",
        "release_key.pub",
        "trust",
    ]


def test_trust_holds_public_halves_alone(home: Path) -> None:
    assert sorted(path.name for path in (home / "trust").iterdir()) == ["recipients", "signers"]
    assert "SECRET" not in (home / "trust" / "recipients").read_text()


def test_the_signing_key_is_trusted_for_releases_alone(home: Path) -> None:
    signers = (home / "trust" / "signers").read_text()
    assert 'namespaces="noc-release"' in signers
    assert principal_of(signers, (home / "release_key.pub").read_text().split()[1]) == "operator"


@pytest.mark.parametrize("name", ["operator.agekey", "recovery.agekey"])
def test_each_identity_opens_what_is_encrypted_to_the_recipients(home: Path, name: str) -> None:
    lines = (home / "trust" / "recipients").read_text().splitlines()
    recipients = [pyrage.x25519.Recipient.from_str(line) for line in lines if not line.startswith("#")]
    sealed = pyrage.encrypt(b"backup", recipients)
    identity = pyrage.x25519.Identity.from_str((home / name).read_text().splitlines()[-1])
    assert pyrage.decrypt(sealed, [identity]) == b"backup"


def test_existing_identities_are_never_overwritten(home: Path) -> None:
    before = (home / "release_key").read_bytes()
    with pytest.raises(AlreadyMade):
        make_identities(home)
    assert (home / "release_key").read_bytes() == before


def test_the_command_prints_no_secret(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["--dir", str(tmp_path / "noc")])
    assert result.exit_code == 0
    assert "SECRET" not in result.output


def test_the_recovery_identity_is_printed_when_asked_for(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["--dir", str(tmp_path / "noc"), "--print-recovery"])
    assert result.stdout == (tmp_path / "noc" / "recovery.agekey").read_text()


def test_json_is_one_document_with_the_public_halves(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["--dir", str(tmp_path / "noc"), "--json"])
    document = json.loads(result.stdout)
    assert document["trust"] == str(tmp_path / "noc" / "trust")
    assert "SECRET" not in result.stdout


def test_openssh_accepts_the_signing_key(home: Path) -> None:
    subprocess.run(["ssh-keygen", "-l", "-f", home / "release_key"], check=True, capture_output=True)
