import base64
import contextlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noc.release.errors import MalformedSignature
from noc.release.manifest import SIGNATURE
from noc.release.sshsig import parse_envelope, principal_of
from unit.release.release_kit import Signer


def armoured(blob: bytes) -> bytes:
    body = base64.b64encode(blob)
    return b"-----BEGIN SSH SIGNATURE-----\n" + body + b"\n-----END SSH SIGNATURE-----\n"


def test_an_envelope_names_the_key_and_the_namespace(signed: Path, signer: Signer) -> None:
    envelope = parse_envelope((signed / SIGNATURE).read_bytes(), SIGNATURE, "sign again")
    assert envelope.namespace == "noc-release"
    assert envelope.public_key == signer.key.with_suffix(".pub").read_text().split()[1]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"-----BEGIN SSH SIGNATURE-----",
        armoured(b"SSHSIG\0\0\0\2"),
        armoured(b"SSHSIG\0\0\0\1\0\0\0\xffkey"),
        armoured(b"SSHSIG\0\0\0\1\0\0\0\1k\0\0\0\1\xff"),
        b"-----BEGIN SSH SIGNATURE----- *** -----END SSH SIGNATURE-----",
        b"A" * 20_000,
    ],
)
def test_what_is_no_signature_is_refused(content: bytes) -> None:
    with pytest.raises(MalformedSignature):
        parse_envelope(content, "it", "sign again")


@given(st.binary(max_size=200))
def test_any_blob_is_read_or_refused(blob: bytes) -> None:
    with contextlib.suppress(MalformedSignature):
        parse_envelope(armoured(b"SSHSIG\0\0\0\1" + blob), "it", "sign again")


def test_the_first_principal_of_a_key_is_found_behind_comments_and_options() -> None:
    text = '# people\n\na,b namespaces="noc-release" ssh-ed25519 AAAA comment\nc ssh-ed25519 BBBB\n'
    assert principal_of(text, "AAAA") == "a"
    assert principal_of(text, "BBBB") == "c"
    assert principal_of(text, "CCCC") is None
