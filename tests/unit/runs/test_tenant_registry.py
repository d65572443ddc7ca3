"""The registry of tenants: one node a tenant whoever asks at once, a version for each change, nothing lost by a cut."""

import signal
import sqlite3
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from noc.errors import NocError
from noc.fleet.load import load
from noc.fleet.model import Fleet
from noc.placement.body import read_body
from noc.placement.directory import Directory, make
from noc.runs.paths import Paths
from noc.runs.tenants.errors import RegistryUnusable
from noc.runs.tenants.registry import Registry, Tenant
from runs_kit import write_fleet

MIA, NOA = "a" * 32, "b" * 32
KILLED = """
import os, pathlib, sys
from noc.runs.tenants.registry import Registry, Tenant
place = Registry(pathlib.Path(sys.argv[1])).place
place("a" * 32, lambda _: Tenant("a" * 32, "virginia", "", 1, "mia"))
place("b" * 32, lambda _: os.kill(os.getpid(), 9))
"""


def tenant(name: str = MIA, node: str = "virginia", at: int = 1) -> Tenant:
    return Tenant(name, node, "", at, "mia")


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return Registry(tmp_path / "tenants.db")


@pytest.fixture
def fleet(paths: Paths) -> Fleet:
    return load(paths.fleet)


def issued(registry: Registry, fleet: Fleet, now: int = 1_000) -> Directory:
    def made(placed: object, version: int, earliest: int) -> Directory:
        return make(fleet, ["virginia"], placed, version, max(now, earliest))  # type: ignore[arg-type]

    return registry.issue(made)


def test_a_tenant_is_found_where_they_were_placed(registry: Registry) -> None:
    registry.place(MIA, lambda _: tenant())
    assert (registry.find(MIA), registry.find(NOA)) == (tenant(), None)


def test_who_is_placed_stays_whatever_is_decided_later(registry: Registry) -> None:
    registry.place(MIA, lambda _: tenant())
    assert registry.place(MIA, lambda _: tenant(node="frankfurt")).node == "virginia"
    assert registry.version == 2


def test_who_decides_hears_of_the_placement_before(registry: Registry) -> None:
    heard: list[Tenant | None] = []
    for _ in range(2):
        registry.place(MIA, lambda known: heard.append(known) or tenant())  # type: ignore[func-returns-value]
    assert heard == [None, tenant()]


def test_a_decision_that_fails_changes_nothing(registry: Registry) -> None:
    def refuse(_: object) -> Tenant:
        raise NocError("no")

    with pytest.raises(NocError, match="no"):
        registry.place(MIA, refuse)
    assert (registry.find(MIA), registry.version) == (None, 1)


def test_of_many_who_place_one_tenant_at_once_all_hear_the_same_node(registry: Registry) -> None:
    nodes = [f"node-{number}" for number in range(8)]
    with ThreadPoolExecutor(8) as pool:
        said = list(pool.map(lambda node: registry.place(MIA, lambda _: tenant(node=node)).node, nodes))
    assert len(set(said)) == 1
    assert registry.version == 2


def test_a_process_that_is_killed_while_it_places_leaves_what_was_placed_before(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path / "tenants.db")], check=False, timeout=60)
    assert done.returncode == -signal.SIGKILL
    registry = Registry(tmp_path / "tenants.db")
    assert (registry.find(MIA), registry.find(NOA), registry.version) == (tenant(), None, 2)


def test_whoever_is_forgotten_is_gone_and_the_version_rises(registry: Registry) -> None:
    registry.place(MIA, lambda _: tenant())
    assert (registry.forget(MIA), registry.forget(MIA)) == (True, False)
    assert (registry.find(MIA), registry.version) == (None, 3)


def test_tenants_are_listed_by_id_node_and_page(registry: Registry) -> None:
    for number, node in enumerate(["virginia", "frankfurt", "virginia"]):
        registry.place(f"{number:032x}", lambda _, n=number, node=node: tenant(f"{n:032x}", node))  # type: ignore[misc]
    assert [int(each.id, 16) for each in registry.listed("virginia")] == [0, 2]
    assert [int(each.id, 16) for each in registry.listed(after=f"{0:032x}", limit=1)] == [1]


def test_tenants_are_counted_by_node_and_since_when(registry: Registry) -> None:
    registry.place(MIA, lambda _: tenant(at=100))
    registry.place(NOA, lambda _: tenant(NOA, at=200))
    assert (registry.counts(), registry.counts(150)) == ({"virginia": 2}, {"virginia": 1})


def test_what_changed_between_two_versions_is_told(registry: Registry) -> None:
    registry.place(MIA, lambda _: tenant())
    registry.place(NOA, lambda _: tenant(NOA))
    registry.forget(MIA)
    assert registry.changes(1, 4) == {MIA: None, NOA: "virginia"}
    assert registry.changes(3, 4) == {MIA: None}


def test_changes_that_are_not_remembered_are_not_told(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("noc.runs.tenants.registry.KEPT_CHANGES", 2)
    for number in range(4):
        registry.place(f"{number:032x}", lambda _, n=number: tenant(f"{n:032x}"))  # type: ignore[misc]
    assert registry.changes(2, 5) is None
    assert len(registry.changes(3, 5) or ()) == 2
    assert registry.changes(0, 5) is None


def test_a_version_that_rose_by_the_order_of_nodes_is_no_change_of_a_tenant(registry: Registry, fleet: Fleet) -> None:
    issued(registry, fleet)
    registry.place(MIA, lambda _: tenant())
    issued(registry, fleet)
    issued(registry, fleet.model_copy(update={"nodes": fleet.nodes[::-1]}))
    assert registry.changes(2, registry.version) is None


def test_the_registry_is_for_its_owner_alone(registry: Registry, tmp_path: Path) -> None:
    registry.place(MIA, lambda _: tenant())
    assert {path.stat().st_mode & 0o777 for path in tmp_path.glob("tenants.db*")} == {0o600}


def test_what_was_answered_is_on_the_disk(registry: Registry, tmp_path: Path) -> None:
    registry.place(MIA, lambda _: tenant())
    with closing(registry._connected()) as database:
        assert database.execute("PRAGMA synchronous").fetchone() == (2,)
        assert database.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_a_damaged_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "tenants.db").write_bytes(b"this is no database" * 100)
    with pytest.raises(RegistryUnusable, match="not a database"):
        Registry(tmp_path / "tenants.db").find(MIA)


def test_a_full_disk_is_told_and_nothing_is_half_there(registry: Registry, tmp_path: Path) -> None:
    registry.place(MIA, lambda _: tenant())
    connected = registry._connected

    def full() -> sqlite3.Connection:
        database = connected()
        pages = database.execute("PRAGMA page_count").fetchone()[0]
        database.execute(f"PRAGMA max_page_count = {pages}")
        return database

    registry._connected = full  # type: ignore[method-assign]

    def fill() -> None:
        for number in range(10_000):
            registry.place(f"{number:032x}", lambda _, n=number: tenant(f"{n:032x}"))  # type: ignore[misc]

    with pytest.raises(RegistryUnusable, match="full"):
        fill()
    assert registry.version == 1 + sum(registry.counts().values())


def test_the_same_tenants_make_the_same_version_with_a_later_head(registry: Registry, fleet: Fleet) -> None:
    registry.place(MIA, lambda _: tenant())
    one, other = issued(registry, fleet), issued(registry, fleet, now=500)
    assert one.head.version == other.head.version == 2
    assert (one.body, other.head.at) == (other.body, one.head.at + 1)


def test_nodes_in_another_order_are_another_version(registry: Registry, fleet: Fleet) -> None:
    registry.place(MIA, lambda _: tenant())
    one = issued(registry, fleet)
    other = issued(registry, fleet.model_copy(update={"nodes": fleet.nodes[::-1]}))
    assert (one.head.version, other.head.version, registry.version) == (2, 3, 3)
    assert one.placed == other.placed


def test_a_newer_directory_of_ours_is_taken_over_whole(registry: Registry, fleet: Fleet) -> None:
    registry.place(MIA, lambda _: tenant())
    newer = make(fleet, [], {MIA: "frankfurt", NOA: "virginia"}, version=7, at=5_000)
    assert registry.take_over(newer, "runner") == 2
    assert (registry.version, registry.counts()) == (7, {"frankfurt": 1, "virginia": 1})
    assert issued(registry, fleet).head.at == 5_001


def test_who_is_not_in_a_newer_directory_is_forgotten(registry: Registry, fleet: Fleet) -> None:
    registry.place(MIA, lambda _: tenant())
    registry.take_over(make(fleet, [], {}, version=7, at=5_000), "runner")
    assert registry.find(MIA) is None


def test_an_older_directory_is_not_taken_over(registry: Registry, fleet: Fleet) -> None:
    registry.place(MIA, lambda _: tenant())
    assert registry.take_over(make(fleet, [], {}, version=1, at=5_000), "runner") == 0
    assert registry.find(MIA) == tenant()


STEPS = st.lists(st.tuples(st.integers(0, 5), st.sampled_from(["virginia", "frankfurt", None])), max_size=12)


@settings(max_examples=25, deadline=None)
@given(STEPS)
def test_the_version_counts_changes_and_the_directory_says_what_is_placed(
    steps: list[tuple[int, str | None]],
) -> None:
    names = ("virginia", "frankfurt", "singapore")
    with tempfile.TemporaryDirectory() as directory:
        registry = Registry(Path(directory) / "tenants.db")
        placed: dict[str, str] = {}
        changes = 0
        for number, node in steps:
            name = f"{number:032x}"
            if node is None:
                registry.forget(name)
                changes += placed.pop(name, None) is not None
            else:
                changes += name not in placed
                placed.setdefault(name, registry.place(name, lambda _, n=name, w=node: tenant(n, w)).node)  # type: ignore[misc]
        write_fleet(Path(directory))
        made = issued(registry, load(Path(directory)))
    assert made.head.version == 1 + changes
    assert {each: names[index] for each, index in read_body(made.body).items()} == placed
