"""`noc unlock` between other commands: what is sealed comes in, its content goes out."""

import json
import os
import pty
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pyrage import x25519

from noc.backup.epoch import begin
from noc.backup.identity import Identity
from noc.backup.request import Request
from noc.hub.identity import OPERATOR, make_identities

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A user's configuration directory after noc init."""
    make_identities(tmp_path / "noc")
    return tmp_path


@pytest.fixture
def recipient(home: Path) -> x25519.Recipient:
    return x25519.Recipient.from_str(Identity(home / "noc" / OPERATOR).recipient)


def unlock(home: Path, content: bytes, *words: str) -> "subprocess.CompletedProcess[bytes]":
    environment = {**os.environ, "XDG_CONFIG_HOME": str(home)}
    argv = [sys.executable, "-m", "noc", "unlock", *words]
    return subprocess.run(argv, input=content, env=environment, capture_output=True, timeout=60, check=False)


def requested(*recipients: str) -> Request:
    epoch = begin("virginia", recipients, NOW)
    return Request(
        node="virginia",
        backup="20260301T120000Z",
        at=NOW,
        epoch=epoch.id,
        recipient=epoch.recipient,
        recipients=epoch.recipients,
        sealed=epoch.sealed,
    )


def test_a_request_gives_the_key_whose_public_half_it_names(home: Path, recipient: x25519.Recipient) -> None:
    request = requested(str(recipient))
    done = unlock(home, request.model_dump_json().encode())
    assert done.returncode == 0, done.stderr
    assert str(x25519.Identity.from_str(done.stdout.decode().strip()).to_public()) == request.recipient


def test_as_a_document_the_key_says_what_it_opens(home: Path, recipient: x25519.Recipient) -> None:
    request = requested(str(recipient))
    said = json.loads(unlock(home, request.model_dump_json().encode(), "--json").stdout)
    assert {**said, "identity": said["identity"][:16]} == {
        "node": "virginia",
        "backup": "20260301T120000Z",
        "epoch": request.epoch,
        "identity": "AGE-SECRET-KEY-1",
    }


def test_the_recovery_identity_opens_the_same(home: Path) -> None:
    recovery = home / "noc" / "recovery.agekey"
    request = requested(Identity(home / "noc" / OPERATOR).recipient, Identity(recovery).recipient)
    opened = [unlock(home, request.model_dump_json().encode(), *more).stdout for more in ((), ("-i", str(recovery)))]
    assert opened[0] == opened[1] != b""


def test_a_secret_is_not_shown_on_a_terminal(home: Path, recipient: x25519.Recipient) -> None:
    ours, theirs = pty.openpty()
    try:
        environment = {**os.environ, "XDG_CONFIG_HOME": str(home)}
        done = subprocess.run(
            [sys.executable, "-m", "noc", "unlock"],
            input=requested(str(recipient)).model_dump_json().encode(),
            env=environment,
            stdout=theirs,
            stderr=subprocess.PIPE,
            timeout=60,
            check=False,
        )
    finally:
        os.close(theirs)
        os.close(ours)
    assert (done.returncode, b"not shown on a terminal" in done.stderr) == (2, True)
