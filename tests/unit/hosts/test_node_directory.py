"""The directory of tenants on a node: what it takes over, what it refuses with which code, and what a cut leaves."""

import hashlib
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noc.hosts.activation import Activator
from noc.hosts.errors import ActivationRefused
from noc.hosts.node import directory as program
from noc.hosts.node.directory_body import merged
from noc.hosts.sshshell import SSHShell
from noc.placement.body import write_body, write_changes
from node_tree import Tree

NOW = int(time.time())
LINES = b"".join(f"{number:032x} 0001\n".encode() for number in range(50))


class Sender:
    """HQ's side: signs a directory, and puts it where the node wants it."""

    def __init__(self, tree: Tree) -> None:
        self.tree, self.home = tree, tree.root / "var/lib/clavitor-directory"
        self.place = tree.root / "var/lib/noc-node/directory"
        public = tree.key.with_name("signer.pub").read_text()
        (tree.root / "etc/noc-node/directory-signers").write_text(f'directory namespaces="noc-directory" {public}')
        identity = {"name": "frankfurt", "domain": "frankfurt.clavitor.test"}
        (tree.root / "etc/noc-node/node.json").write_text(json.dumps(identity))

    def head(self, body: bytes = LINES, version: int = 1, **changes: Any) -> bytes:
        nodes = [{"name": name, "open": True} for name in ("virginia", "frankfurt")]
        said = {"format": 1, "fleet": "clavitor", "domain": "clavitor.test", "version": version}
        said |= {"count": len(body) // 38, "sha256": hashlib.sha256(body).hexdigest(), "nodes": nodes}
        said |= {"at": NOW, "until": NOW + 3600, **changes}
        return json.dumps(said, sort_keys=True, separators=(",", ":")).encode()

    def signed(self, head: bytes, key: Path | None = None, namespace: str = "noc-directory") -> bytes:
        argv = ["ssh-keygen", "-q", "-Y", "sign", "-n", namespace, "-f", str(key or self.tree.key)]
        return subprocess.run(argv, input=head, check=True, capture_output=True).stdout

    def put(self, head: bytes, body: bytes | None = LINES, signature: bytes | None = None) -> str:
        """What HQ sends; the head's name."""
        name = hashlib.sha256(head).hexdigest()
        self.place.mkdir(exist_ok=True)
        (self.place / f"{name}.json").write_bytes(head)
        (self.place / f"{name}.sig").write_bytes(self.signed(head) if signature is None else signature)
        if body is not None:
            (self.place / f"{json.loads(head)['sha256']}.body").write_bytes(body)
        return name

    def take(self, *args: Any, **more: Any) -> dict[str, Any]:
        """The node's answer to all of it."""
        return self.tree.ask("directory", self.put(*args, **more))[1]

    def here(self) -> int:
        """The version that the node has whole."""
        return int(self.tree.ask("directory")[1]["version"])


@pytest.fixture
def sender(tree: Tree) -> Sender:
    return Sender(tree)


def test_a_node_without_a_directory_says_so(sender: Sender) -> None:
    status, said = sender.tree.ask("directory")
    assert (status, said["version"], said["place"]) == (0, 0, str(sender.place))


def test_a_signed_directory_is_taken_over_whole(sender: Sender) -> None:
    head = sender.head()
    said = sender.take(head)
    assert said["ok"], said
    assert (sender.home / "head.json").read_bytes() == head
    assert (sender.home / "tenants-1").read_bytes() == LINES


def test_the_service_may_read_it_and_others_may_not(sender: Sender) -> None:
    sender.take(sender.head())
    modes = {path.name: path.stat().st_mode & 0o777 for path in (sender.home, *sender.home.iterdir())}
    assert modes == {"clavitor-directory": 0o750, "head.json": 0o640, "head.sig": 0o640, "tenants-1": 0o640}


def test_nothing_that_was_sent_is_left(sender: Sender) -> None:
    sender.take(sender.head())
    assert list(sender.place.iterdir()) == []


def test_a_younger_head_of_the_same_version_needs_no_body(sender: Sender) -> None:
    sender.take(sender.head())
    assert sender.take(sender.head(at=NOW + 5), None)["at"] == NOW + 5


def test_a_body_that_was_not_sent_is_missing(sender: Sender) -> None:
    assert sender.take(sender.head(), None)["code"] == "missing"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"version": 1}, "old"),
        ({"version": 2, "at": NOW - 5}, "old"),
        ({"version": 3, "domain": "clavitor.example"}, "stranger"),
        ({"version": 3, "nodes": [{"name": "virginia"}]}, "stranger"),
        ({"version": 3, "until": NOW - 60}, "expired"),
        ({"version": 3, "format": 2}, "head"),
        ({"version": 3, "count": 1_000_001}, "head"),
        ({"version": 3, "sha256": "../../../etc/passwd"}, "head"),
        ({"version": 3, "nodes": []}, "head"),
        ({"version": "x"}, "head"),
    ],
    ids=str,
)
def test_another_head_is_refused_and_the_one_before_stays(sender: Sender, changes: dict[str, Any], code: str) -> None:
    sender.take(sender.head(version=2))
    head = sender.head(**changes)
    name = sender.put(head, None)
    assert sender.tree.ask("directory", name)[1]["code"] == code
    assert sender.here() == 2


def test_a_lower_version_is_refused_also_where_the_directory_was_lost(sender: Sender) -> None:
    sender.take(sender.head(version=2))
    for path in sender.home.iterdir():
        path.unlink()
    assert sender.take(sender.head(version=1))["code"] == "old"


def test_two_directories_of_one_version_are_told(sender: Sender) -> None:
    sender.take(sender.head())
    other = LINES.replace(b" 0001", b" 0000")
    assert sender.take(sender.head(other), other)["code"] == "forked"


@pytest.mark.parametrize("where", [0, 40, len(LINES) - 1])
def test_a_body_with_one_flipped_byte_is_refused(sender: Sender, where: int) -> None:
    flipped = bytearray(LINES)
    flipped[where] ^= 1
    assert sender.take(sender.head(), bytes(flipped))["code"] == "content"


def test_a_head_with_one_flipped_byte_is_refused(sender: Sender) -> None:
    signature = sender.signed(sender.head())
    assert sender.take(sender.head(version=9), signature=signature)["code"] == "signature"


def test_a_stranger_s_directory_is_refused(sender: Sender) -> None:
    head = sender.head()
    signature = sender.signed(head, sender.tree.stranger)
    assert sender.take(head, signature=signature)["code"] == "signature"


def test_a_signature_for_another_purpose_is_refused(sender: Sender) -> None:
    head = sender.head()
    assert sender.take(head, signature=sender.signed(head, namespace="noc-release"))["code"] == "signature"


def test_a_node_that_trusts_nobody_refuses(sender: Sender) -> None:
    (sender.tree.root / "etc/noc-node/directory-signers").unlink()
    assert sender.take(sender.head())["code"] == "signature"


def test_a_byte_that_flipped_on_the_disk_is_told_and_mended(sender: Sender) -> None:
    sender.take(sender.head())
    (sender.home / "tenants-1").write_bytes(LINES[:-2] + b"7\n")
    assert sender.here() == 0
    assert sender.take(sender.head())["version"] == 1


def test_the_body_before_stays_for_who_is_reading_it(sender: Sender) -> None:
    for version in (1, 2, 3):
        assert sender.take(sender.head(version=version))["ok"]
    assert sorted(path.name for path in sender.home.glob("tenants-*")) == ["tenants-2", "tenants-3"]


@pytest.mark.parametrize("cut", range(4))
def test_wherever_it_is_cut_the_directory_is_the_old_or_the_new_and_comes_whole_next_time(
    sender: Sender, monkeypatch: pytest.MonkeyPatch, cut: int
) -> None:
    sender.take(sender.head())
    with monkeypatch.context() as patched:
        left, put = iter(range(cut)), program._put

        def power(*args: Any) -> None:
            if next(left, None) is None:
                raise OSError("the power went")
            put(*args)

        patched.setattr(program, "_put", power)
        sender.take(sender.head(version=2))
    assert sender.here() == (1 if cut < 3 else 2)
    assert sender.take(sender.head(version=2))["version"] == 2


@pytest.fixture
def activator(shell: SSHShell, tree: Tree) -> Activator:
    argv = [sys.executable, str(tree.base / "programs/activator.py"), "--layout", str(tree.base / "layout.json")]
    return Activator(shell, *argv)


async def test_hq_brings_a_directory_and_hears_what_is_there(activator: Activator, sender: Sender) -> None:
    head = sender.head()
    held = await activator.take_directory(head, sender.signed(head), LINES)
    assert (held.version, held.at, held.sha256) == (1, NOW, hashlib.sha256(LINES).hexdigest())


async def test_hq_sends_no_body_that_is_there(
    activator: Activator, sender: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[str] = []
    put = SSHShell.put

    async def told(self: SSHShell, content: bytes, path: str, **more: Any) -> int:
        sent.append(Path(path).suffix)
        return await put(self, content, path, **more)

    monkeypatch.setattr(SSHShell, "put", told)
    for at in (NOW, NOW + 5):
        head = sender.head(at=at)
        await activator.take_directory(head, sender.signed(head), LINES)
    assert sent == [".json", ".sig", ".body", ".json", ".sig"]


@pytest.mark.parametrize(
    ("changes", "sent"),
    [
        (b"f" * 32 + b" 0000\n", [".json", ".sig", ".changes"]),
        (b"e" * 32 + b" 0000\n", [".json", ".sig", ".changes", ".body"]),
    ],
    ids=["that fit", "that do not"],
)
async def test_hq_sends_changes_alone_and_the_whole_where_they_do_not_make_it(
    activator: Activator, sender: Sender, monkeypatch: pytest.MonkeyPatch, changes: bytes, sent: list[str]
) -> None:
    head = sender.head()
    await activator.take_directory(head, sender.signed(head), LINES)
    told, put = list[str](), SSHShell.put

    async def noted(self: SSHShell, content: bytes, path: str, **more: Any) -> int:
        told.append(Path(path).suffix)
        return await put(self, content, path, **more)

    monkeypatch.setattr(SSHShell, "put", noted)
    body = LINES + b"f" * 32 + b" 0000\n"
    head = sender.head(body, version=2)
    held = await activator.take_directory(head, sender.signed(head), body, lambda _: changes)
    assert (held.version, (sender.home / "tenants-2").read_bytes(), told) == (2, body, sent)


PLACES = st.dictionaries(st.integers(0, 30), st.integers(0, 3), max_size=20)


@given(PLACES, PLACES)
def test_changes_make_one_body_of_another(before: dict[int, int], after: dict[int, int]) -> None:
    old, new = ({f"{each:032x}": at for each, at in places.items()} for places in (before, after))
    changed = {each: new.get(each) for each in old.keys() | new.keys() if old.get(each) != new.get(each)}
    assert merged(write_body(old), write_changes(changed)) == write_body(new)


async def test_hq_hears_the_refusal(activator: Activator, sender: Sender) -> None:
    head = sender.head()
    with pytest.raises(ActivationRefused, match="signature"):
        await activator.take_directory(head, sender.signed(head, sender.tree.stranger), LINES)
