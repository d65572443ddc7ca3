"""The directory as bytes: what HQ writes is found again, and whatever else it might be is refused."""

import hashlib
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from noc.fleet.placing import Placement
from noc.hosts.node.directory import parse_head as parse_on_node
from noc.placement.body import LINE_BYTES, read_body, write_body
from noc.placement.directory import Directory, make
from noc.placement.errors import (
    DirectoryDamaged,
    DirectoryFull,
    DirectoryMalformed,
    PlacementError,
)
from noc.placement.head import MAX_HEAD_BYTES, MAX_TENANTS, NAMESPACE, PRINCIPAL, parse_head
from noc.release.sshkeygen import is_signed_by, sign_text
from unit.placement.placement_kit import FLEET, NAMES, tenants

placements = st.dictionaries(tenants, st.sampled_from(NAMES), max_size=40)
A, B, C = "0a" * 16, "0b" * 16, "ff" * 16
SOME = make(FLEET, {"frankfurt", "virginia"}, {C: "frankfurt", A: "virginia", B: "frankfurt"}, version=7, at=1_000)


@given(placements)
def test_what_was_placed_is_found_again(placed: dict[str, str]) -> None:
    directory = make(FLEET, NAMES, placed, version=1, at=0)
    assert Directory.read(directory.head.to_bytes(), directory.body).placed == placed


@given(st.dictionaries(tenants, st.integers(0, 9_999), max_size=40))
def test_lines_are_read_as_they_were_written(placed: dict[str, int]) -> None:
    assert read_body(write_body(placed)) == placed


@given(placements)
def test_the_order_in_which_tenants_came_is_not_in_a_directory(placed: dict[str, str]) -> None:
    backwards = dict(reversed(placed.items()))
    assert make(FLEET, NAMES, backwards, version=1, at=0) == make(FLEET, NAMES, placed, version=1, at=0)


def test_a_line_is_an_id_and_the_position_of_a_node() -> None:
    assert SOME.body.decode() == f"{A} 0000\n{B} 0007\n{C} 0007\n"


def test_a_head_is_one_line_with_its_keys_in_order_and_no_spaces() -> None:
    content = SOME.head.to_bytes()
    assert content == json.dumps(json.loads(content), sort_keys=True, separators=(",", ":")).encode()


def test_the_nodes_of_a_head_are_the_fleets_in_its_order_with_their_origins() -> None:
    assert [(node.name, node.url) for node in SOME.head.nodes] == [
        (node.name, f"https://{node.subdomain}.clavitor.com") for node in FLEET.nodes
    ]


def test_a_node_is_open_only_where_hq_says_so() -> None:
    assert [node.name for node in SOME.head.nodes if node.open] == ["virginia", "frankfurt"]


def test_the_program_on_the_node_reads_what_hq_writes() -> None:
    head = parse_on_node(SOME.head.to_bytes())
    assert (head.version, head.tenants, head.sha256, head.until, list(head.names)) == (
        *(7, 3, SOME.head.sha256, SOME.head.until),
        NAMES,
    )


@pytest.mark.parametrize("place", range(3 * LINE_BYTES))
def test_one_flipped_byte_anywhere_in_the_lines_is_refused(place: int) -> None:
    flipped = bytearray(SOME.body)
    flipped[place] ^= 1
    with pytest.raises(DirectoryDamaged):
        Directory.read(SOME.head.to_bytes(), bytes(flipped))


@pytest.mark.parametrize("body", [b"", SOME.body[:-1], SOME.body[:-LINE_BYTES], SOME.body + SOME.body[-LINE_BYTES:]])
def test_lines_that_are_cut_or_come_on_top_are_refused(body: bytes) -> None:
    with pytest.raises(DirectoryDamaged):
        Directory.read(SOME.head.to_bytes(), body)


WRONG_LINES = {
    "out-of-order": f"{B} 0007\n{A} 0000\n",
    "one-tenant-twice": f"{A} 0000\n{A} 0007\n",
    "a-node-that-is-not-there": f"{A} {len(NAMES):04}\n{B} 0000\n",
    "capitals": f"{A} 0000\n{'FF' * 16} 0000\n",
    "another-separator": f"{A}\t0000\n{B} 0000\n",
    "no-number": f"{A} 0x00\n{B} 0000\n",
    "no-newline-at-the-end": f"{A} 0000\n{B} 0000 ",
}


@pytest.mark.parametrize("body", WRONG_LINES.values(), ids=WRONG_LINES.keys())
def test_lines_that_hq_would_not_write_are_refused_though_their_hash_fits(body: str) -> None:
    sha256 = hashlib.sha256(body.encode()).hexdigest()
    head = SOME.head.model_copy(update={"sha256": sha256, "count": len(body) // LINE_BYTES})
    with pytest.raises(DirectoryDamaged):
        Directory.read(head.to_bytes(), body.encode())


class Signed(NamedTuple):
    """A head's signature, and the file of those who may sign one."""

    signature: Path
    signers: Path

    def vouches_for(self, content: bytes) -> bool:
        return is_signed_by(content, self.signature, self.signers, PRINCIPAL, NAMESPACE)


@pytest.fixture(scope="module")
def signed(tmp_path_factory: pytest.TempPathFactory) -> Signed:
    home = tmp_path_factory.mktemp("signed")
    key = home / "directory_key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", key], check=True)
    (home / "signers").write_text(f'{PRINCIPAL} namespaces="{NAMESPACE}" {key.with_suffix(".pub").read_text()}')
    (home / "head.sig").write_bytes(sign_text(SOME.head.to_bytes(), key, NAMESPACE))
    return Signed(home / "head.sig", home / "signers")


def test_a_signature_vouches_for_the_head_that_hq_wrote(signed: Signed) -> None:
    assert signed.vouches_for(SOME.head.to_bytes())


@settings(max_examples=25, deadline=None)
@given(st.integers(0, len(SOME.head.to_bytes()) - 1), st.integers(0, 7))
def test_one_flipped_bit_anywhere_in_the_head_is_not_vouched_for(signed: Signed, place: int, bit: int) -> None:
    flipped = bytearray(SOME.head.to_bytes())
    flipped[place] ^= 1 << bit
    assert not signed.vouches_for(bytes(flipped))


def changed(change: Callable[[dict[str, Any]], Any]) -> bytes:
    """The head's JSON with something done to it, spelt as HQ spells it."""
    document = json.loads(SOME.head.to_bytes())
    change(document)
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()


def put(key: str, value: object) -> bytes:
    return changed(lambda document: document.update({key: value}))


def put_in_node(key: str, value: object) -> bytes:
    return changed(lambda document: document["nodes"][0].update({key: value}))


GOOD = SOME.head.to_bytes()
BAD_HEADS = {
    "empty": b"",
    "cut": GOOD[:-1],
    "no-object": b"[]",
    "not-utf-8": GOOD[:-1] + b"\xff",
    "nested-without-end": b"[" * 100_000,
    "too-large": GOOD + b" " * MAX_HEAD_BYTES,
    "spaces": json.dumps(json.loads(GOOD), sort_keys=True).encode(),
    "newline": GOOD + b"\n",
    "keys-in-another-order": json.dumps(dict(reversed(json.loads(GOOD).items())), separators=(",", ":")).encode(),
    "a-key-twice": GOOD.replace(b'"count":3', b'"count":3,"count":3'),
    "a-letter-escaped": GOOD.replace(b'"fleet"', b'"fl\\u0065et"'),
    "a-key-missing": changed(lambda document: document.pop("until")),
    "a-key-too-many": put("note", "hello"),
    "another-format": put("format", 2),
    "version-zero": put("version", 0),
    "version-in-quotes": put("version", "7"),
    "version-with-a-point": put("version", 7.0),
    "too-many-tenants": put("count", MAX_TENANTS + 1),
    "fewer-than-no-tenants": put("count", -1),
    "a-hash-that-is-none": put("sha256", "00"),
    "until-before-at": put("until", 999),
    "a-time-that-is-none": put("at", -1),
    "too-many-nodes": changed(lambda document: document.update(nodes=document["nodes"] * 103)),
    "a-node-without-its-origin": changed(lambda document: document["nodes"][0].pop("url")),
    "an-origin-without-tls": put_in_node("url", "http://virginia.clavitor.com"),
    "an-origin-with-a-path": put_in_node("url", "https://virginia.clavitor.com/evil"),
    "an-origin-with-a-login": put_in_node("url", "https://virginia.clavitor.com@evil.example"),
    "a-name-that-is-a-path": put_in_node("name", "../virginia"),
    "a-place-off-the-earth": put_in_node("latitude", 90.5),
    "a-place-that-is-no-number": put_in_node("longitude", float("nan")),
    "open-as-a-number": put_in_node("open", 1),
    "a-group-that-is-none": put_in_node("groups", ["<script>"]),
}


@pytest.mark.parametrize("content", BAD_HEADS.values(), ids=BAD_HEADS.keys())
def test_a_head_that_hq_would_not_write_is_refused(content: bytes) -> None:
    with pytest.raises(DirectoryMalformed):
        parse_head(content)


def test_a_directory_is_fresh_for_as_long_as_the_fleet_file_says() -> None:
    assert (SOME.head.at, SOME.head.until) == (1_000, 1_000 + 86_400)


def test_no_directory_is_made_of_more_tenants_than_one_holds() -> None:
    with pytest.raises(DirectoryFull):
        make(FLEET, NAMES, dict.fromkeys(map(str, range(MAX_TENANTS + 1)), "frankfurt"), version=1, at=0)


def test_no_directory_is_made_whose_head_nobody_would_read() -> None:
    groups: dict[str, tuple[str, ...]] = {f"{'long-name-of-a-group':x<29}{number:02}": ("DE",) for number in range(64)}
    germans = tuple(FLEET.node("frankfurt") for _ in range(500))
    crowded = FLEET.model_copy(update={"nodes": germans, "placement": Placement(groups=groups)})
    with pytest.raises(DirectoryFull, match="its head has"):
        make(crowded, NAMES, {}, version=1, at=0)


def test_no_directory_is_made_of_tenants_on_a_node_that_is_gone() -> None:
    with pytest.raises(PlacementError, match="has no node atlantis"):
        make(FLEET, NAMES, {A: "atlantis"}, version=1, at=0)
