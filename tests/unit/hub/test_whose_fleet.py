"""What HQ's status says of whose the fleet is, and of where its name leads."""

from datetime import UTC, datetime
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from noc.fleet.model import Fleet
from noc.hub.status import named, whose_fleet
from noc.runs.admission.restored import GENERATION, Restored
from noc.runs.admission.superseded import note_superseded
from noc.runs.paths import Paths
from unit.hub.hub_kit import example_fleet

NOW = datetime(2026, 3, 2, 7, 0, tzinfo=UTC)


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    return Paths(runs=tmp_path / "runs")


def with_name(address: str, name: str | None) -> Fleet:
    fleet = example_fleet()
    hub = fleet.hub.model_copy(update={"address": IPv4Address(address), "fallback": name})
    return fleet.model_copy(update={"hub": hub})


def test_an_hq_that_was_never_restored_is_the_one(paths: Paths) -> None:
    assert whose_fleet(paths).ok


def test_one_that_was_replaced_says_by_what_it_knows(paths: Paths) -> None:
    note_superseded(paths.superseded, 41, {"virginia": GENERATION}, NOW)
    check = whose_fleet(paths)
    assert (check.ok, f"fence {GENERATION} was seen by virginia" in check.seen) == (False, True)


def test_one_that_was_restored_and_has_not_asked_says_so(paths: Paths) -> None:
    paths.restored.write_text(Restored(at=NOW, backup=NOW, fence=41).model_dump_json())
    assert (whose_fleet(paths).ok, "noc hub restored" in whose_fleet(paths).seen) == (False, True)


def test_one_whose_restore_cannot_be_read_is_not_well(paths: Paths) -> None:
    paths.restored.write_text("{")
    assert not whose_fleet(paths).ok


def test_a_name_that_leads_here_is_well() -> None:
    (check,) = named(with_name("127.0.0.1", "localhost"))
    assert (check.ok, check.seen) == (True, "localhost leads to 127.0.0.1")


def test_a_name_that_leads_elsewhere_asks_whether_hq_was_restored_there() -> None:
    (check,) = named(with_name("198.51.100.10", "localhost"))
    assert (check.ok, "was HQ restored elsewhere?" in check.seen) == (False, True)


def test_an_hq_without_a_name_has_none_to_look_at() -> None:
    assert list(named(with_name("198.51.100.10", None))) == []
