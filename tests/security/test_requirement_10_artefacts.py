"""Requirement 10: what is damaged, signed for another purpose, older or expired is never activated, on HQ or a node."""

import json
from collections.abc import Callable
from http.client import HTTPConnection
from pathlib import Path

import pytest

from noc.errors import NocError
from noc.release.verify import verify
from node_tree import Tree, make_release, sign_release

PAST = "2020-01-01T00:00:00Z"


def flipped(release: Path) -> None:
    content = bytearray((release / "clavitor.pyz").read_bytes())
    content[100] ^= 1
    (release / "clavitor.pyz").write_bytes(content)


def unsigned(release: Path) -> None:
    (release / "manifest.json.sig").unlink()


def edited(release: Path) -> None:
    path = release / "manifest.json"
    path.write_text(path.read_text().replace('"build": 7', '"build": 8'))


def healthy(tree: Tree) -> str:
    """The version that the node's service says it is."""
    connection = HTTPConnection("127.0.0.1", tree.port, timeout=20)
    try:
        connection.request("GET", "/health")
        return str(json.loads(connection.getresponse().read())["version"])
    finally:
        connection.close()


def attempts(tree: Tree) -> dict[str, str]:
    """Releases that must not run: the node's word for what is wrong with each, and its hash."""
    releases = tree.root / "opt/clavitor/releases"
    made = {
        "untrusted": tree.release(3, signer=tree.stranger),
        "signature": tree.release(4),
        "expired": tree.release(5, expires=PAST),
        "content": tree.release(6),
        "old": tree.release(1),
        "unsigned": tree.release(8),
        "manifest": tree.release(9, product="another"),
    }
    tree.sign(made["signature"], tree.key, namespace="git")
    flipped(releases / made["content"])
    unsigned(releases / made["unsigned"])
    return made


def test_a_node_refuses_each_with_a_code_of_its_own_and_goes_on_serving(tree: Tree) -> None:
    good = tree.release(2)
    tree.prove(good, "r0")
    for number, (code, sha) in enumerate(attempts(tree).items(), 1):
        assert tree.ask("verify", sha)[1]["code"] == code
        order = tree.start(sha, f"r{number}")
        if order["ok"]:
            assert tree.reach(f"r{number}", "refused")["reason"].startswith(f"{code}: ")
        else:
            assert order["code"] == code
        assert (tree.current, healthy(tree)) == (good, "1.2.0"), code


def test_what_is_damaged_after_it_was_staged_is_found_right_before_it_would_run(tree: Tree) -> None:
    good, other = tree.release(2), tree.release(3)
    tree.prove(good, "r0")
    assert tree.arm(other, "r1")["ok"]
    flipped(tree.root / "opt/clavitor/releases" / other)
    tree.ask("go", "r1")
    assert tree.reach("r1", "refused", "activated", "rolled-back")["state"] == "refused"
    assert (tree.current, healthy(tree)) == (good, "1.2.0")


@pytest.mark.parametrize(
    ("spoil", "name"),
    [
        (flipped, "WrongContent"),
        (unsigned, "NotSigned"),
        (edited, "BadSignature"),
        (lambda release: sign_release(release, release.parent / "stranger"), "WrongSigner"),
        (lambda release: sign_release(release, release.parent / "signer", "git"), "WrongNamespace"),
    ],
)
def test_hq_refuses_each_with_a_code_of_its_own(tree: Tree, spoil: Callable[[Path], None], name: str) -> None:
    release = make_release(tree.base, 7, signer=tree.key)
    assert verify(release, tree.root / "etc/noc-node/signers").build == 7
    spoil(release)
    with pytest.raises(NocError) as refused:
        verify(release, tree.root / "etc/noc-node/signers")
    assert type(refused.value).__name__ == name


def test_hq_refuses_what_has_expired(tree: Tree) -> None:
    release = make_release(tree.base, 7, signer=tree.key, expires=PAST)
    with pytest.raises(NocError) as refused:
        verify(release, tree.root / "etc/noc-node/signers")
    assert type(refused.value).__name__ == "Expired"
