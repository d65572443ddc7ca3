"""What the doctor says of nodes' backups: as of the files that lie on HQ."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from noc.backup.rehearsals import Rehearsal, add
from noc.fleet.inventory import load_inventory
from noc.fleet.model import Fleet
from noc.runs.doctor.backups import backup_lines
from noc.runs.doctor.care import Care
from noc.runs.doctor.line import Line
from noc.runs.paths import Paths
from unit.backup.backup_kit import NOW, flip, give_key, keep, repository

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def kept(paths: Paths) -> Paths:
    """One backup of virginia, of NOW."""
    give_key(paths)
    keep(repository(paths.backups).node("virginia"))
    return paths


def lines(paths: Paths, fleet: Fleet, now: datetime, node: str = "virginia") -> dict[str, Line]:
    care = Care(fleet, load_inventory(paths.fleet), paths, now)
    return {line.what: line for line in backup_lines(care) if line.subject == node}


def rehearsed(paths: Paths, at: datetime, why: str = "") -> None:
    made = Rehearsal(at=at, backup="20261126T030000Z", ok=not why, seconds=1, rows=7, by="james", why=why)
    add(paths.backups / "virginia", made)


def test_a_young_backup_is_in_order_until_it_is_overdue(kept: Paths, fleet: Fleet) -> None:
    line = lines(kept, fleet, NOW + HOUR)["backup"]
    assert (line.state, line.says, line.at) == ("ok", "the newest is 1 h old", NOW)
    assert line.due == NOW + fleet.backup.overdue * HOUR


def test_an_old_backup_is_wrong_and_mended_by_another(kept: Paths, fleet: Fleet) -> None:
    line = lines(kept, fleet, NOW + (fleet.backup.overdue + 1) * HOUR)["backup"]
    assert (line.state, line.fix) == ("wrong", "noc backup run virginia")


def test_a_live_node_without_a_backup_is_wrong(kept: Paths, fleet: Fleet) -> None:
    assert lines(kept, fleet, NOW, "frankfurt")["backup"].state == "wrong"


def test_a_manifest_that_was_changed_is_wrong(kept: Paths, fleet: Fleet) -> None:
    flip(next((kept.backups / "virginia").glob("*.json")))
    assert lines(kept, fleet, NOW)["backup"].fix.startswith("noc backup verify virginia")


def test_a_restore_is_due_so_many_days_after_its_last_rehearsal(kept: Paths, fleet: Fleet) -> None:
    rehearsed(kept, NOW)
    days = fleet.backup.drill_due
    states = [lines(kept, fleet, NOW + days * DAY + late)["restore"].state for late in (timedelta(), HOUR)]
    assert states == ["ok", "due"]


def test_a_restore_that_was_never_rehearsed_is_due_so_many_days_after_the_first_backup(
    kept: Paths, fleet: Fleet
) -> None:
    line = lines(kept, fleet, NOW + fleet.backup.drill_due * DAY + HOUR)["restore"]
    assert (line.state, line.says) == ("due", "never rehearsed")


def test_a_rehearsal_that_failed_is_wrong_until_one_goes_well(kept: Paths, fleet: Fleet) -> None:
    rehearsed(kept, NOW, "a chunk is missing")
    assert lines(kept, fleet, NOW)["restore"].state == "wrong"
    rehearsed(kept, NOW + HOUR)
    assert lines(kept, fleet, NOW + HOUR)["restore"].state == "ok"


def test_an_hq_without_its_key_of_backups_is_wrong(paths: Paths, fleet: Fleet, tmp_path: Path) -> None:
    assert list(tmp_path.glob("credentials/*")) == []
    line = lines(paths, fleet, NOW, fleet.hub.name)["backup"]
    assert (line.state, "backup_key" in line.says) == ("wrong", True)
