"""Keys of backups at the runner's door: handed out sealed, taken open, used, forgotten; all of it in the audit."""

from datetime import timedelta
from typing import Any

import pytest
from pyrage import decrypt, x25519

from noc.backup.manifest import Manifest
from noc.backup.rehearsals import rehearsals
from noc.backup.repository import NodeBackups
from noc.backup.request import Request
from noc.errors import NocError
from runner_house import House
from unit.backup.backup_kit import NOW, OPERATOR, RECIPIENTS, give_key, identity_of, keep, repository


@pytest.fixture
def backups(house: House) -> NodeBackups:
    give_key(house.paths)
    house.paths.signers.with_name("recipients").write_text(f"{RECIPIENTS[0]}\n")
    return repository(house.paths.backups).node("virginia")


@pytest.fixture
def manifest(backups: NodeBackups) -> Manifest:
    return keep(backups)


def identity(backups: NodeBackups, manifest: Manifest) -> str:
    return identity_of(backups.epoch_of(manifest.epoch))


def unseal(house: House, key: str, node: str = "virginia") -> dict[str, Any]:
    return dict(house.client.ask("unseal", node=node, identity=key)["unsealed"])


def code(house: House, op: str, **fields: Any) -> str:
    with pytest.raises(NocError) as caught:
        house.client.ask(op, **{"node": "virginia", **fields})
    return caught.value.code


def audited(house: House) -> list[tuple[str, str | None]]:
    entries = house.client.ask("audit", limit=50)["entries"]
    return [(entry["what"], entry.get("result")) for entry in entries]


def test_the_request_of_a_backup_opens_to_the_key_of_its_epoch(
    house: House, backups: NodeBackups, manifest: Manifest
) -> None:
    request = Request.model_validate(house.client.ask("backup-request", node="virginia", at=None)["request"])
    assert (request.backup, request.epoch) == (manifest.name, manifest.epoch)
    key = decrypt(backups.epoch_of(request.epoch).sealed_key, [OPERATOR]).decode()
    assert str(x25519.Identity.from_str(key.strip()).to_public()) == request.recipient


def test_the_request_for_a_time_is_of_the_newest_backup_until_then(
    house: House, backups: NodeBackups, manifest: Manifest
) -> None:
    keep(backups, at=NOW + timedelta(hours=2))
    at = (NOW + timedelta(hours=1)).isoformat()
    assert house.client.ask("backup-request", node="virginia", at=at)["request"]["backup"] == manifest.name


@pytest.mark.parametrize(
    ("fields", "expected"),
    [({"at": "2020-01-01T00:00Z"}, "E462"), ({"at": "soon"}, "E001"), ({"at": "2026-11-26T03:00"}, "E001"),
     ({"node": "nowhere"}, "E002"), ({"node": "../etc"}, "E002"), ({"node": "frankfurt"}, "E462")],
)  # fmt: skip
def test_a_request_for_what_there_is_not_is_refused(
    house: House, manifest: Manifest, fields: dict[str, str], expected: str
) -> None:
    assert manifest
    assert code(house, "backup-request", **fields) == expected


def test_an_unsealed_key_lets_a_restore_be_rehearsed_until_it_is_sealed(
    house: House, backups: NodeBackups, manifest: Manifest
) -> None:
    assert code(house, "rehearse") == "E753"
    said = unseal(house, identity(backups, manifest))
    assert (said["epoch"], 3500 < said["seconds"] <= 3600) == (manifest.epoch, True)
    # What the backups of this kit are made of is no database: the rehearsal says so.
    made = house.client.ask("rehearse", node="virginia")["rehearsal"]
    assert (made["ok"], made["backup"], len(rehearsals(backups.directory))) == (False, manifest.name, 1)
    assert house.client.ask("seal", node="virginia")["sealed"]["keys"] == 1
    assert code(house, "rehearse") == "E753"


@pytest.mark.parametrize("key", ["", "nonsense", "AGE-SECRET-KEY-1", str(x25519.Identity.generate())])
def test_a_wrong_key_is_refused_and_holds_nothing_open(house: House, manifest: Manifest, key: str) -> None:
    assert manifest
    assert code(house, "unseal", identity=key) == "E465"
    assert code(house, "rehearse") == "E753"


def test_a_key_of_another_node_is_refused(house: House, backups: NodeBackups, manifest: Manifest) -> None:
    keep(repository(house.paths.backups).node("frankfurt"))
    assert code(house, "unseal", node="frankfurt", identity=identity(backups, manifest)) == "E465"


def test_after_an_unseal_the_next_backup_belongs_to_a_new_epoch(
    house: House, backups: NodeBackups, manifest: Manifest
) -> None:
    assert backups.epoch(RECIPIENTS).id == manifest.epoch
    unseal(house, identity(backups, manifest))
    after = backups.epoch(RECIPIENTS).id
    assert after != manifest.epoch
    unseal(house, identity(backups, manifest))
    assert backups.epoch(RECIPIENTS).id == after


def test_a_key_of_an_older_epoch_still_opens_its_backups(
    house: House, backups: NodeBackups, manifest: Manifest
) -> None:
    key = identity(backups, manifest)
    backups.begin(RECIPIENTS)
    keep(backups, at=NOW + timedelta(hours=1))
    unseal(house, key)
    assert house.client.ask("rehearse", node="virginia", at=NOW.isoformat())["rehearsal"]["backup"] == manifest.name
    assert code(house, "rehearse") == "E753"


def test_the_audit_tells_who_opened_what_and_never_the_key(
    house: House, backups: NodeBackups, manifest: Manifest
) -> None:
    key = identity(backups, manifest)
    unseal(house, key)
    code(house, "unseal", identity=str(x25519.Identity.generate()))
    house.client.ask("seal", node="virginia")
    told = audited(house)
    assert ("unseal the backups of virginia", "ok") in told
    assert ("seal the backups of virginia", "ok") in told
    assert any(what == "unseal the backups of virginia" and result == "refused" for what, result in told)
    assert key.strip() not in house.paths.audit.read_text()
    assert "AGE-SECRET-KEY" not in house.paths.audit.read_text()
