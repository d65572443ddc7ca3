import json
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from noc.errors import NocError
from noc.release import errors
from noc.release.manifest import MANIFEST, NAMESPACE, PAYLOAD, SIGNATURE
from noc.release.sign import sign
from noc.release.verify import verify
from unit.release.release_kit import Signer, make_signer


def resign(release: Path, signer: Signer, *, namespace: str = NAMESPACE, **changes: object) -> None:
    """Change the manifest and sign it again, as somebody with a key could."""
    manifest = json.loads((release / MANIFEST).read_bytes()) | changes
    (release / MANIFEST).write_text(json.dumps(manifest))
    (release / SIGNATURE).unlink()
    argv = ["ssh-keygen", "-q", "-Y", "sign", "-n", namespace, "-f", str(signer.key), str(release / MANIFEST)]
    subprocess.run(argv, check=True, capture_output=True)


def test_a_signed_release_is_accepted_and_says_what_it_is(signed: Path, signer: Signer) -> None:
    manifest = verify(signed, signer.signers)
    assert (manifest.product, manifest.version, manifest.build) == ("clavitor", "1.0.0", 1)
    assert manifest.size == (signed / PAYLOAD).stat().st_size


@pytest.mark.parametrize("name", [PAYLOAD, MANIFEST, SIGNATURE])
def test_a_missing_file_is_named(signed: Path, signer: Signer, name: str) -> None:
    (signed / name).unlink()
    with pytest.raises(errors.NotSigned) as caught:
        verify(signed, signer.signers)
    assert name in caught.value.why


def test_a_key_that_is_not_trusted_is_refused(signed: Path, tmp_path: Path) -> None:
    stranger = make_signer(tmp_path, "stranger")
    with pytest.raises(errors.WrongSigner):
        verify(signed, stranger.signers)


def test_a_signature_for_another_purpose_is_refused(signed: Path, signer: Signer) -> None:
    resign(signed, signer, namespace="git")
    with pytest.raises(errors.WrongNamespace) as caught:
        verify(signed, signer.signers)
    assert "'git'" in caught.value.why


def test_a_changed_manifest_does_not_fit_its_signature(signed: Path, signer: Signer) -> None:
    path = signed / MANIFEST
    path.write_bytes(path.read_bytes().replace(b'"1.0.0"', b'"9.9.9"'))
    with pytest.raises(errors.BadSignature):
        verify(signed, signer.signers)


def test_a_signature_of_rubbish_is_refused(signed: Path, signer: Signer) -> None:
    (signed / SIGNATURE).write_bytes(b"\xff" * 64)
    with pytest.raises(errors.MalformedSignature):
        verify(signed, signer.signers)


def test_one_flipped_byte_in_the_payload_is_refused(signed: Path, signer: Signer) -> None:
    path = signed / PAYLOAD
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(errors.WrongContent):
        verify(signed, signer.signers)


def test_a_payload_that_was_cut_off_is_refused_by_its_size(signed: Path, signer: Signer) -> None:
    path = signed / PAYLOAD
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(errors.WrongSize):
        verify(signed, signer.signers)


def test_a_release_of_another_product_is_refused(signed: Path, signer: Signer) -> None:
    resign(signed, signer, product="other")
    with pytest.raises(errors.WrongProduct):
        verify(signed, signer.signers)


@pytest.mark.parametrize(("late_s", "accepted"), [(-1, True), (0, False), (1, False)])
def test_a_release_expires_at_the_second_it_names(signed: Path, signer: Signer, late_s: int, accepted: bool) -> None:
    expires = verify(signed, signer.signers).expires
    try:
        verify(signed, signer.signers, now=expires + timedelta(seconds=late_s))
    except errors.Expired:
        assert not accepted
    else:
        assert accepted


def test_signing_again_makes_an_expired_release_good(signed: Path, signer: Signer) -> None:
    sign(signed, signer.key, days=1, now=datetime(2020, 1, 1, tzinfo=UTC))
    with pytest.raises(errors.Expired):
        verify(signed, signer.signers)
    sign(signed, signer.key)
    assert verify(signed, signer.signers).version == "1.0.0"


def test_an_unknown_field_in_a_signed_manifest_is_refused(signed: Path, signer: Signer) -> None:
    resign(signed, signer, surprise=1)
    with pytest.raises(errors.MalformedManifest) as caught:
        verify(signed, signer.signers)
    assert "surprise" in caught.value.why


def test_no_file_of_signers_is_an_error_of_its_own(signed: Path, tmp_path: Path) -> None:
    with pytest.raises(errors.NoSigners):
        verify(signed, tmp_path / "none")


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_flipped_bit_in_payload_or_manifest_is_accepted(signed: Path, signer: Signer, data: st.DataObject) -> None:
    path = signed / data.draw(st.sampled_from([PAYLOAD, MANIFEST]))
    before = path.read_bytes()
    changed = bytearray(before)
    changed[data.draw(st.integers(0, len(before) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    try:
        path.write_bytes(changed)
        with pytest.raises(NocError):
            verify(signed, signer.signers)
    finally:
        path.write_bytes(before)


def test_a_key_that_cannot_sign_is_named(signed: Path, tmp_path: Path) -> None:
    with pytest.raises(errors.SigningFailed):
        sign(signed, tmp_path / "absent")


def test_a_directory_without_a_payload_cannot_be_signed(tmp_path: Path, signer: Signer) -> None:
    with pytest.raises(errors.NotARelease):
        sign(tmp_path, signer.key)


def test_a_file_that_does_not_name_its_version_cannot_be_signed(tmp_path: Path, signer: Signer) -> None:
    (tmp_path / PAYLOAD).write_bytes(b"#!/bin/sh\n")
    with pytest.raises(errors.NotARelease):
        sign(tmp_path, signer.key)
