"""What the doctor says of tenants: of the directory's proof of freshness, and of homes that are not there."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest

from noc.fleet.inventory import Life, load_inventory
from noc.fleet.load import load
from noc.placement.directory import Directory, make
from noc.runs.doctor.care import Care
from noc.runs.doctor.doctor import examine
from noc.runs.doctor.line import Line
from noc.runs.doctor.tenants import tenant_lines
from noc.runs.paths import Paths
from noc.runs.site.book import Book
from noc.runs.tenants.registry import Registry, Tenant

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def lines(paths: Paths, now: datetime = NOW) -> list[Line]:
    return list(tenant_lines(Care(load(paths.fleet), load_inventory(paths.fleet), paths, now)))


@pytest.fixture
def placed(placing: Paths) -> Paths:
    """One tenant on virginia, whose directory was signed now."""
    fleet, registry = load(placing.fleet), Registry(placing.tenants)
    registry.place("a" * 32, lambda _: Tenant("a" * 32, "virginia", "", 1, "mia"))

    def made(names: Mapping[str, str], version: int, earliest: int) -> Directory:
        return make(fleet, [], names, version, max(int(NOW.timestamp()), earliest))

    registry.issue(made)
    return placing


def test_a_fleet_that_places_nobody_hears_nothing(paths: Paths) -> None:
    assert lines(paths) == []
    assert not paths.tenants.exists()


def test_a_table_that_hq_was_not_brought_to_is_due(placing: Paths) -> None:
    placing.directory_public_key.unlink()
    assert [(line.state, line.fix) for line in lines(placing)] == [("due", "sudo noc hub apply")]


def test_a_directory_that_is_fresh_is_in_order_and_says_until_when(placed: Paths) -> None:
    (line,) = lines(placed)
    assert (line.state, line.at, line.due) == ("ok", NOW, NOW + timedelta(days=1))


def test_a_directory_that_is_stale_is_wrong(placed: Paths) -> None:
    (line,) = lines(placed, NOW + timedelta(days=1, seconds=1))
    assert (line.state, "nobody can sign up" in line.says) == ("wrong", True)


def test_tenants_whose_node_is_not_live_are_named_first(placed: Paths) -> None:
    Book(placed.fleet).learn("virginia", life=Life.RETIRED)
    care = Care(load(placed.fleet), load_inventory(placed.fleet), placed, NOW)
    assert [(line.subject, line.state) for line in examine(care, [tenant_lines])] == [
        ("virginia", "wrong"),
        ("zurich", "ok"),
    ]


def test_a_registry_that_cannot_be_read_is_wrong(placed: Paths) -> None:
    placed.tenants.write_bytes(b"this is no database" * 100)
    (line,) = lines(placed)
    assert (line.state, "cannot be used" in line.says) == ("wrong", True)
