"""HQ's key files follow the inventory: cut after any of the moves, the rest follows, and no key that counts is lost."""

from pathlib import Path

import pytest

from noc.fleet.inventory import HubRecord, Inventory, NodeRecord
from noc.hosts.trust import KeyPair, generate_key
from noc.hub import rotation
from noc.hub.places import HOST_CA, SSH_KEY
from noc.hub.rotation import ensure_next, settle
from noc.runs.site.hqkeys import held, same_key

OLD, NEW = generate_key("noc@zurich"), generate_key("noc@zurich")
KINDS = pytest.mark.parametrize("kind", [SSH_KEY, HOST_CA])


def lay(directory: Path, **files: KeyPair) -> None:
    for name, pair in files.items():
        path = directory / name.replace("__", ".")
        path.write_bytes(pair.private)
        path.chmod(0o600)


def names(directory: Path, pair: KeyPair) -> set[str]:
    """The files that hold a key."""
    kinds = (SSH_KEY, HOST_CA)
    return {path.name for kind in kinds for path, line in held(directory, kind).items() if same_key(line, pair.public)}


def inventory(kind: str, used: KeyPair, *, coming: KeyPair | None = None, **nodes: KeyPair | None) -> Inventory:
    hub = HubRecord.model_validate({kind: used.public, f"{kind}_next": coming.public if coming else None})
    records = {name: NodeRecord.model_validate({kind: pair.public if pair else None}) for name, pair in nodes.items()}
    return Inventory(hub=hub, nodes=records)


@KINDS
def test_a_key_is_made_beside_the_one_in_use_and_no_second_one(tmp_path: Path, kind: str) -> None:
    lay(tmp_path, **{kind: OLD})
    ensure_next(kind, "noc@zurich", inventory(kind, OLD), tmp_path)
    made = (tmp_path / f"{kind}.next").read_bytes()
    assert (tmp_path / f"{kind}.next").stat().st_mode & 0o777 == 0o600
    assert ensure_next(kind, "noc@zurich", inventory(kind, OLD), tmp_path) == []
    assert (tmp_path / f"{kind}.next").read_bytes() == made


@KINDS
def test_no_key_is_made_while_a_node_waits_for_the_end_of_the_rotation_before(tmp_path: Path, kind: str) -> None:
    lay(tmp_path, **{kind: NEW})
    assert ensure_next(kind, "noc@zurich", inventory(kind, NEW, virginia=OLD), tmp_path) == []


@KINDS
def test_a_next_key_that_was_lost_is_made_anew(tmp_path: Path, kind: str) -> None:
    lay(tmp_path, **{kind: OLD})
    assert ensure_next(kind, "noc@zurich", inventory(kind, OLD, coming=NEW, virginia=NEW), tmp_path)


@KINDS
def test_before_hq_has_switched_nothing_moves(tmp_path: Path, kind: str) -> None:
    lay(tmp_path, **{kind: OLD, f"{kind}__next": NEW})
    assert settle(inventory(kind, OLD, coming=NEW, virginia=NEW), tmp_path) == []


@KINDS
def test_once_hq_has_switched_the_new_key_takes_its_place(tmp_path: Path, kind: str) -> None:
    lay(tmp_path, **{kind: OLD, f"{kind}__next": NEW})
    settle(inventory(kind, NEW, virginia=None), tmp_path)
    assert (names(tmp_path, NEW), names(tmp_path, OLD)) == ({kind}, set())


def test_the_ssh_key_from_before_stays_for_a_node_that_knows_no_other(tmp_path: Path) -> None:
    lay(tmp_path, ssh_key=OLD, ssh_key__next=NEW)
    settle(inventory(SSH_KEY, NEW, virginia=OLD, london=None), tmp_path)
    assert (names(tmp_path, NEW), names(tmp_path, OLD)) == ({"ssh_key"}, {"ssh_key.before"})
    settle(inventory(SSH_KEY, NEW, virginia=None, london=None), tmp_path)
    assert names(tmp_path, OLD) == set()


def test_cut_between_two_moves_the_rest_follows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lay(tmp_path, ssh_key=OLD, ssh_key__next=NEW)
    owed = inventory(SSH_KEY, NEW, virginia=OLD)
    moved: list[rotation.Move] = []

    def cut(credentials: Path, move: rotation.Move) -> str:
        moved.append(move)
        if len(moved) == 2:
            raise KeyboardInterrupt
        return made(credentials, move)

    made = rotation._make
    with monkeypatch.context() as patched:
        patched.setattr(rotation, "_make", cut)
        with pytest.raises(KeyboardInterrupt):
            settle(owed, tmp_path)
    assert names(tmp_path, OLD) == {"ssh_key", "ssh_key.before"}
    settle(owed, tmp_path)
    assert (names(tmp_path, NEW), names(tmp_path, OLD)) == ({"ssh_key"}, {"ssh_key.before"})


def test_a_stand_in_of_systemd_is_no_key(tmp_path: Path) -> None:
    lay(tmp_path, ssh_key=OLD)
    (tmp_path / "ssh_key.next").write_text("none")
    (tmp_path / "ssh_key.next").chmod(0o600)
    assert [path.name for path in held(tmp_path, SSH_KEY)] == ["ssh_key"]
