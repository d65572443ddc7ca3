import os
from pathlib import Path

import pytest

from noc.backup.keys import read_key
from noc.hosts.trust import fingerprint
from noc.hub.keys import ensure_keys, ensure_placement_keys
from noc.placement.handles import read_key as read_tenant_key

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="HQ's keys belong to root")


def test_keys_are_made_once_for_root_alone_and_their_public_halves_for_all(tmp_path: Path) -> None:
    credentials, trust = tmp_path / "credentials", tmp_path / "trust"
    credentials.mkdir()
    first = ensure_keys("zurich", credentials, trust)
    assert {path.name: path.stat().st_mode & 0o777 for path in credentials.iterdir()} == {
        "hub_wg_key": 0o600,
        "ssh_key": 0o600,
        "host_ca": 0o600,
        "escrow_key": 0o600,
        "backup_key": 0o600,
    }
    assert len(read_key((credentials / "backup_key").read_bytes())) == 32
    again = ensure_keys("zurich", credentials, trust)
    assert again.changed == []
    assert again.record == first.record


def test_what_is_written_for_all_is_what_the_inventory_says(tmp_path: Path) -> None:
    (tmp_path / "credentials").mkdir()
    made = ensure_keys("zurich", tmp_path / "credentials", tmp_path / "trust")
    assert (tmp_path / "trust" / "hub_ssh_key.pub").read_text() == f"{made.record.ssh_key}\n"
    assert (tmp_path / "trust" / "host_ca.pub").read_text() == f"{made.record.host_ca}\n"
    assert fingerprint(made.record.ssh_key or "") != fingerprint(made.record.host_ca or "")


def test_a_credential_that_others_could_read_is_closed_again(tmp_path: Path) -> None:
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    ensure_keys("zurich", credentials, tmp_path / "trust")
    (credentials / "ssh_key").chmod(0o644)
    assert ensure_keys("zurich", credentials, tmp_path / "trust").changed
    assert (credentials / "ssh_key").stat().st_mode & 0o777 == 0o600


def test_keys_of_placement_are_made_once_and_only_one_has_a_public_half(tmp_path: Path) -> None:
    credentials, trust = tmp_path / "credentials", tmp_path / "trust"
    credentials.mkdir()
    assert ensure_placement_keys("zurich", credentials, trust)
    before = {path.name: (path.read_bytes(), path.stat().st_mode & 0o777) for path in credentials.iterdir()}
    assert {name: mode for name, (_, mode) in before.items()} == {"tenant_key": 0o600, "directory_key": 0o600}
    assert len(read_tenant_key((credentials / "tenant_key").read_text())) == 32
    assert [path.name for path in trust.iterdir()] == ["directory_key.pub"]
    assert ensure_placement_keys("zurich", credentials, trust) == []
    assert {path.name: path.read_bytes() for path in credentials.iterdir()} == {n: c for n, (c, _) in before.items()}


def test_hq_without_placement_has_no_key_for_it(tmp_path: Path) -> None:
    (tmp_path / "credentials").mkdir()
    ensure_keys("zurich", tmp_path / "credentials", tmp_path / "trust")
    assert not {"tenant_key", "directory_key"} & {path.name for path in (tmp_path / "credentials").iterdir()}
