"""An operator's identity opens what was sealed to it, and nothing else: a request's key, or an age file of any size."""

import base64
import io
import json
import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pyrage import encrypt, x25519

from noc.backup.epoch import begin
from noc.backup.errors import BackupDamaged, BackupError, IdentityExposed, NotSealed, WrongIdentity
from noc.backup.identity import Identity
from noc.backup.request import MAX_REQUEST, Request

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
Spoil = Callable[[bytes], bytes]


def write(path: Path, key: object, mode: int = 0o600) -> Path:
    path.touch(mode=mode)
    path.write_text(f"# public key: …\n{key}\n")
    return path


@pytest.fixture
def identity(tmp_path: Path) -> Identity:
    return Identity(write(tmp_path / "operator.agekey", x25519.Identity.generate()))


@pytest.fixture
def recipient(identity: Identity) -> x25519.Recipient:
    return x25519.Recipient.from_str(identity.recipient)


def opened(identity: Identity, content: bytes) -> bytes:
    out = io.BytesIO()
    identity.unlock(io.BytesIO(content), out)
    return out.getvalue()


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


def test_a_request_gives_the_key_whose_public_half_it_names(identity: Identity) -> None:
    request = requested(identity.recipient)
    key = opened(identity, request.model_dump_json().encode()).decode().strip()
    assert str(x25519.Identity.from_str(key).to_public()) == request.recipient


def test_a_request_of_several_lines_is_read_as_well(identity: Identity) -> None:
    text = "\n" + json.dumps(requested(identity.recipient).model_dump(mode="json"), indent=2)
    assert opened(identity, text.encode()).startswith(b"AGE-SECRET-KEY-1")


def test_an_age_file_that_comes_byte_by_byte_is_opened(identity: Identity, recipient: x25519.Recipient) -> None:
    class Slow(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            return super().read(min(size or 1, 40))

    out = io.BytesIO()
    identity.unlock(Slow(encrypt(b"x" * 1000, [recipient])), out)
    assert out.getvalue() == b"x" * 1000


@pytest.mark.parametrize("armoured", [False, True])
def test_an_age_file_longer_than_any_buffer_is_opened(
    identity: Identity, recipient: x25519.Recipient, armoured: bool
) -> None:
    content = os.urandom(3_000_000)
    assert opened(identity, encrypt(content, [recipient], armored=armoured)) == content


def test_a_request_for_others_names_them_and_whom_the_identity_opens(identity: Identity) -> None:
    other = str(x25519.Identity.generate().to_public())
    with pytest.raises(WrongIdentity) as caught:
        opened(identity, requested(other).model_dump_json().encode())
    assert other in caught.value.why
    assert identity.recipient in caught.value.why


def test_an_age_file_for_others_is_not_opened(identity: Identity) -> None:
    with pytest.raises(WrongIdentity):
        opened(identity, encrypt(b"x", [x25519.Identity.generate().to_public()]))


def test_each_recipient_alone_opens_a_request(identity: Identity, tmp_path: Path) -> None:
    recovery = Identity(write(tmp_path / "recovery.agekey", x25519.Identity.generate()))
    content = requested(identity.recipient, recovery.recipient).model_dump_json().encode()
    assert opened(identity, content) == opened(recovery, content) != b""


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda sealed: sealed[:-100], id="cut"),
        pytest.param(lambda sealed: sealed[:-50] + bytes([sealed[-50] ^ 1]) + sealed[-49:], id="changed"),
        pytest.param(lambda sealed: sealed[:180] + bytes([sealed[180] ^ 1]) + sealed[181:], id="another header"),
    ],
)
def test_an_age_file_that_is_not_as_it_was_written_fails(
    identity: Identity, recipient: x25519.Recipient, spoil: Spoil
) -> None:
    with pytest.raises(BackupError) as caught:
        opened(identity, spoil(encrypt(os.urandom(200_000), [recipient])))
    assert isinstance(caught.value, BackupDamaged | WrongIdentity)


@pytest.mark.parametrize("content", [b"", b"hello", b"{}", b'{"format": 1', b"{" + b" " * (MAX_REQUEST + 10) + b"}"])
def test_what_is_nothing_that_was_sealed_is_refused(identity: Identity, content: bytes) -> None:
    with pytest.raises(NotSealed):
        opened(identity, content)


def test_a_request_whose_key_is_no_base64_is_refused(identity: Identity) -> None:
    request = requested(identity.recipient).model_copy(update={"sealed": "?"})
    with pytest.raises(NotSealed):
        opened(identity, request.model_dump_json().encode())


def test_a_request_with_another_epochs_key_does_not_pass(identity: Identity) -> None:
    other = base64.b64encode(encrypt(b"x", [x25519.Identity.generate().to_public()])).decode()
    request = requested(identity.recipient).model_copy(update={"sealed": other})
    with pytest.raises(WrongIdentity):
        opened(identity, request.model_dump_json().encode())


def test_an_identity_that_others_can_read_is_not_used(tmp_path: Path) -> None:
    path = write(tmp_path / "key", x25519.Identity.generate())
    path.chmod(0o640)
    with pytest.raises(IdentityExposed):
        Identity(path)


def test_a_file_without_an_identity_is_said_to_be_none(tmp_path: Path) -> None:
    with pytest.raises(WrongIdentity, match="holds no age identity"):
        Identity(write(tmp_path / "key", "nothing"))
