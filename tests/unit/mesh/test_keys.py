"""WireGuard keys, held against wg(8) where it is installed."""

import shutil
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noc.mesh.errors import BadKey
from noc.mesh.keys import check_public, generate, public_from_private

# RFC 7748, section 6.1: Alice's pair.
ALICE_PRIVATE = "dwdtCnMYpX08FsFyUbJmRd9ML4frwJkqsXf7pR25LCo="
ALICE_PUBLIC = "hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo="


def test_the_public_half_is_the_standards() -> None:
    assert public_from_private(ALICE_PRIVATE) == ALICE_PUBLIC


def test_a_generated_pair_belongs_together() -> None:
    private, public = generate()
    assert public_from_private(private) == public


def test_no_two_pairs_are_alike() -> None:
    assert generate() != generate()


@pytest.mark.skipif(shutil.which("wg") is None, reason="LOUD: wg is not installed, the RFC's vector stands alone")
def test_wg_computes_the_same_public_half() -> None:
    private, public = generate()
    told = subprocess.run(["wg", "pubkey"], input=private, capture_output=True, text=True, check=True, timeout=10)
    assert told.stdout.strip() == public


def test_white_space_around_a_public_key_is_forgiven() -> None:
    assert check_public(f" {ALICE_PUBLIC}\n", "frankfurt") == ALICE_PUBLIC


@pytest.mark.parametrize(
    "key",
    [
        "",
        "A" * 44,
        ALICE_PUBLIC[:-1],
        ALICE_PUBLIC[:-2] + "p=",  # the same 32 bytes, its spare bits not zero
        ALICE_PUBLIC + "\n[Peer]",
        "ssh-ed25519 AAAA",
        "é" * 44,
        "A" * 43 + "=",
    ],
)
def test_what_is_no_public_key_is_refused_with_its_owner(key: str) -> None:
    with pytest.raises(BadKey, match="frankfurt"):
        check_public(key, "frankfurt")


@given(st.text())
def test_a_refused_private_key_is_not_in_the_message(text: str) -> None:
    with pytest.raises(BadKey) as caught:
        public_from_private(f"secret-{text}")
    assert "secret-" not in str(caught.value)
