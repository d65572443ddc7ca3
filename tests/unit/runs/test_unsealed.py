"""Keys that a person has opened: held for an hour, for one node and one epoch, and shown to nobody."""

from pathlib import Path

import pytest
from pyrage import x25519

from noc.backup.errors import WrongIdentity
from noc.backup.manifest import Manifest
from noc.backup.repository import NodeBackups
from noc.runs.backup.errors import NotUnsealed
from noc.runs.backup.unsealed import HELD_S, Unsealed
from unit.backup.backup_kit import identity_of, keep, repository


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def backups(tmp_path: Path) -> NodeBackups:
    return repository(tmp_path).node("virginia")


@pytest.fixture
def manifest(backups: NodeBackups) -> Manifest:
    return keep(backups)


def held(backups: NodeBackups, manifest: Manifest, clock: Clock) -> Unsealed:
    made, epoch = Unsealed(clock), backups.epoch_of(manifest.epoch)
    made.hold(epoch, identity_of(epoch))
    return made


def test_a_key_is_held_for_an_hour_and_then_not(backups: NodeBackups, manifest: Manifest) -> None:
    clock = Clock()
    unsealed = held(backups, manifest, clock)
    clock.now = HELD_S - 1
    assert unsealed.identity(manifest).startswith("AGE-SECRET-KEY-1")
    clock.now = HELD_S
    with pytest.raises(NotUnsealed):
        unsealed.identity(manifest)
    assert unsealed.left_s("virginia", manifest.epoch) == 0


def test_without_a_key_the_fix_is_the_pipeline_for_that_very_backup(manifest: Manifest) -> None:
    with pytest.raises(NotUnsealed) as caught:
        Unsealed().identity(manifest)
    assert caught.value.fix.endswith(
        "ssh HQ noc backup request virginia --at 2026-11-26T03:00:00Z | noc unlock | ssh HQ noc backup unseal virginia"
    )


def test_a_key_of_another_epoch_is_refused(backups: NodeBackups, manifest: Manifest) -> None:
    epoch = backups.epoch_of(manifest.epoch)
    with pytest.raises(WrongIdentity):
        Unsealed().hold(epoch, str(x25519.Identity.generate()))


def test_a_key_opens_no_backup_of_another_epoch(backups: NodeBackups, manifest: Manifest) -> None:
    unsealed = held(backups, manifest, Clock())
    other = manifest.model_copy(update={"epoch": "20261127T030000Z-000000"})
    with pytest.raises(NotUnsealed):
        unsealed.identity(other)


def test_what_is_sealed_is_forgotten_at_once_and_other_nodes_stay(
    backups: NodeBackups, manifest: Manifest, tmp_path: Path
) -> None:
    unsealed = held(backups, manifest, Clock())
    others = repository(tmp_path).node("frankfurt")
    theirs = keep(others)
    epoch = others.epoch_of(theirs.epoch)
    unsealed.hold(epoch, identity_of(epoch))
    assert (unsealed.forget("virginia"), unsealed.forget("virginia")) == (1, 0)
    with pytest.raises(NotUnsealed):
        unsealed.identity(manifest)
    assert unsealed.identity(theirs)


def test_what_holds_keys_shows_none_of_them(backups: NodeBackups, manifest: Manifest) -> None:
    unsealed = held(backups, manifest, Clock())
    assert "AGE-SECRET" not in repr(vars(unsealed))
