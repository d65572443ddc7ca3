"""The documented vectors, made again by an implementation that shares no line with the page's."""

import json
import unicodedata
from base64 import urlsafe_b64decode
from hashlib import pbkdf2_hmac
from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

DOCUMENT = Path(__file__).resolve().parents[3] / "docs" / "vault-format.md"


@pytest.fixture(scope="module")
def vectors() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(DOCUMENT.read_text().partition("```json\n")[2].partition("```")[0])
    return found


def octets(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def test_the_password_becomes_the_documented_master(vectors: dict[str, Any]) -> None:
    password = unicodedata.normalize("NFKC", vectors["password"]).encode()
    master = pbkdf2_hmac("sha256", password, octets(vectors["salt"]), vectors["iterations"])
    assert master == octets(vectors["master"])


@pytest.mark.parametrize(("branch", "key"), [("authentication", "authentication_key"), ("encryption", "wrapping_key")])
def test_the_master_becomes_two_separate_keys(vectors: dict[str, Any], branch: str, key: str) -> None:
    derived = HKDF(SHA256(), 32, None, f"clavitor/v1/{branch}".encode()).derive(octets(vectors["master"]))
    assert derived == octets(vectors[key])


def test_the_wrapped_key_opens_to_the_vault_key(vectors: dict[str, Any]) -> None:
    wrapped = octets(vectors["wrapped_key"])
    opened = AESGCM(octets(vectors["wrapping_key"])).decrypt(wrapped[:12], wrapped[12:], b"clavitor/v1/vault-key")
    assert opened == octets(vectors["vault_key"])


def open_entry(vectors: dict[str, Any], identity: str, version: int) -> bytes:
    blob = octets(vectors["blob"])
    bound = f"clavitor/v1/entry\0{identity}\0{version}".encode()
    return AESGCM(octets(vectors["vault_key"])).decrypt(blob[:12], blob[12:], bound)


def test_the_blob_opens_to_the_fields_padded_to_256_bytes(vectors: dict[str, Any]) -> None:
    clear = open_entry(vectors, vectors["id"], vectors["version"])
    assert (json.loads(clear), len(clear) % 256) == (vectors["fields"], 0)


def test_the_blob_opens_under_no_other_version(vectors: dict[str, Any]) -> None:
    with pytest.raises(InvalidTag):
        open_entry(vectors, vectors["id"], vectors["version"] + 1)


def test_the_blob_opens_under_no_other_id(vectors: dict[str, Any]) -> None:
    with pytest.raises(InvalidTag):
        open_entry(vectors, vectors["id"].replace("6", "7"), vectors["version"])
