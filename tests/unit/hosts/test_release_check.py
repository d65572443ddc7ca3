"""What the node lets run, and what it refuses with which code."""

from pathlib import Path

from node_tree import Tree

PAST = "2020-01-01T00:00:00Z"


def verify(tree: Tree, sha: str) -> str:
    said = tree.ask("verify", sha)[1]
    return "ok" if said["ok"] else str(said["code"])


def file_of(tree: Tree, sha: str, name: str) -> Path:
    return tree.root / "opt/clavitor/releases" / sha / name


def test_a_release_of_a_trusted_signer_may_run(tree: Tree) -> None:
    assert verify(tree, tree.release(1)) == "ok"


def test_one_flipped_byte_is_found(tree: Tree) -> None:
    sha = tree.release(1)
    path = file_of(tree, sha, "clavitor.pyz")
    content = bytearray(path.read_bytes())
    content[100] ^= 1
    path.write_bytes(content)
    assert verify(tree, sha) == "content"


def test_a_shorter_file_is_found(tree: Tree) -> None:
    sha = tree.release(1)
    path = file_of(tree, sha, "clavitor.pyz")
    path.write_bytes(path.read_bytes()[:-1])
    assert verify(tree, sha) == "content"


def test_an_unsigned_release_is_refused(tree: Tree) -> None:
    sha = tree.release(1)
    file_of(tree, sha, "manifest.json.sig").unlink()
    assert verify(tree, sha) == "unsigned"


def test_a_stranger_s_signature_is_refused(tree: Tree) -> None:
    assert verify(tree, tree.release(1, signer=tree.stranger)) == "untrusted"


def test_a_signature_for_another_purpose_is_refused(tree: Tree) -> None:
    sha = tree.release(1)
    tree.sign(sha, tree.key, namespace="git")
    assert verify(tree, sha) == "signature"


def test_a_changed_manifest_is_refused(tree: Tree) -> None:
    sha = tree.release(1)
    path = file_of(tree, sha, "manifest.json")
    path.write_text(path.read_text().replace('"build": 1', '"build": 9'))
    assert verify(tree, sha) == "signature"


def test_another_release_s_manifest_is_refused(tree: Tree) -> None:
    sha, other = tree.release(1), tree.release(2)
    for name in ("manifest.json", "manifest.json.sig"):
        file_of(tree, sha, name).write_bytes(file_of(tree, other, name).read_bytes())
    assert verify(tree, sha) == "manifest"


def test_another_product_is_refused(tree: Tree) -> None:
    assert verify(tree, tree.release(1, product="something-else")) == "manifest"


def test_an_expired_release_is_refused(tree: Tree) -> None:
    assert verify(tree, tree.release(1, expires=PAST)) == "expired"


def test_a_lower_build_than_a_proven_one_is_refused(tree: Tree) -> None:
    tree.prove(tree.release(5), "r1")
    assert verify(tree, tree.release(4)) == "old"


def test_a_proven_release_may_return_though_it_is_old_and_expired(tree: Tree) -> None:
    first = tree.release(1)
    tree.prove(first, "r1")
    tree.prove(tree.release(2), "r2")
    tree.release(1, expires=PAST)
    assert tree.prove(first, "r3")["state"] == "confirmed"


def test_a_proven_release_may_return_once_its_signer_counts_no_more(tree: Tree) -> None:
    first = tree.release(1)
    tree.prove(first, "r1")
    tree.trust(tree.stranger)
    assert verify(tree, tree.release(2)) == "untrusted"
    tree.prove(tree.release(3, signer=tree.stranger), "r2")
    assert tree.prove(first, "r3")["state"] == "confirmed"


def test_a_proven_release_of_a_withdrawn_signer_is_still_held_to_its_signature(tree: Tree) -> None:
    sha = tree.release(1)
    tree.prove(sha, "r1")
    tree.trust(tree.stranger)
    assert verify(tree, sha) == "ok"
    path = file_of(tree, sha, "manifest.json")
    path.write_text(path.read_text().replace('"build": 1', '"build": 9'))
    assert verify(tree, sha) == "untrusted"


def test_a_fresh_node_may_take_an_expired_release_as_a_replacement(tree: Tree) -> None:
    sha = tree.release(1, expires=PAST)
    assert tree.start(sha, "r1", "--replace")["ok"]
    tree.reach("r1", "activated")


def test_replacing_opens_nothing_on_a_node_that_has_a_release(tree: Tree) -> None:
    tree.prove(tree.release(2), "r1")
    tree.start(tree.release(1), "r2", "--replace")
    verdict = tree.reach("r2", "refused")
    assert verdict["reason"].startswith("old: ")


def test_a_refused_release_changes_nothing(tree: Tree) -> None:
    good = tree.release(1)
    tree.prove(good, "r1")
    tree.start(tree.release(2, signer=tree.stranger), "r2")
    tree.reach("r2", "refused")
    assert (tree.current, tree.ask("facts")[1]["pending"]) == (good, None)
