"""Keys, fingerprints and host certificates, held against OpenSSH's own tools."""

import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from noc.hosts.trust import VALIDITY, KeyPair, fingerprint, generate_key, is_fingerprint, renewal_due, sign_host

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def described(tmp_path: Path) -> str:
    ca, host = generate_key("ca"), generate_key("host")
    certificate = sign_host(ca.private, host.public, "frankfurt", now=datetime(2026, 3, 1, 12, tzinfo=UTC))
    (tmp_path / "cert.pub").write_text(certificate)
    argv = ["ssh-keygen", "-L", "-f", str(tmp_path / "cert.pub")]
    return subprocess.run(
        argv, check=True, capture_output=True, text=True, env={"TZ": "UTC", "PATH": "/usr/bin"}
    ).stdout


def test_the_certificate_is_a_host_certificate(described: str) -> None:
    assert "ssh-ed25519-cert-v01@openssh.com host certificate" in described


def test_the_node_s_name_is_the_only_principal(described: str) -> None:
    assert described.split("Principals:")[1].split("Critical Options:", maxsplit=1)[0].split() == ["frankfurt"]


def test_it_is_valid_for_a_year_and_for_clocks_that_are_behind(described: str) -> None:
    assert "from 2026-03-01T11:00:00 to 2027-02-28T12:00:00" in described


def test_fingerprints_are_those_of_ssh_keygen(tmp_path: Path) -> None:
    key = generate_key("x")
    (tmp_path / "key.pub").write_text(key.public)
    said = subprocess.run(["ssh-keygen", "-lf", tmp_path / "key.pub"], check=True, capture_output=True, text=True)
    assert said.stdout.split()[1] == fingerprint(key.public)
    assert is_fingerprint(fingerprint(key.public))


def test_a_private_key_has_no_readable_form() -> None:
    key = generate_key("x")
    assert isinstance(key, KeyPair)
    assert "PRIVATE" not in f"{key} {key!r}"


@pytest.mark.parametrize(("share", "due"), [(0.0, False), (0.66, False), (0.67, True), (1.1, True)])
def test_a_certificate_is_due_when_less_than_a_third_of_its_life_remains(share: float, *, due: bool) -> None:
    certificate = sign_host(generate_key("ca").private, generate_key("node").public, "frankfurt", now=NOW)
    assert renewal_due(certificate, NOW + VALIDITY * share) is due


@pytest.mark.parametrize("text", ["", "nonsense", "ssh-ed25519 AAAA"])
def test_what_is_no_certificate_is_due(text: str) -> None:
    assert renewal_due(text, NOW)
