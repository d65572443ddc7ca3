"""The directory's way to the nodes: brought after each change, once, renewed in time, and to whom comes back."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from noc.errors import NocError
from noc.placement.body import read_body
from noc.placement.directory import Directory, make
from noc.runs.admission.errors import AnotherHq
from noc.runs.paths import Paths
from noc.runs.site.book import Book
from noc.runs.tenants.distribution import Distribution
from noc.runs.tenants.errors import DirectoryUntaken, PlacementOff
from noc.runs.tenants.handing import hand
from noc.runs.tenants.registry import Registry, Tenant
from noc.runs.tenants.signing import sign
from runs_kit import NAMES, World
from tenant_kit import NodeShell, TenantNodes

MIA, NOA = "a" * 32, "b" * 32


@pytest.fixture
def nodes(tmp_path: Path, placing: Paths, world: World) -> TenantNodes:
    return TenantNodes(tmp_path / "nodes", placing, world)


class Hq:
    """HQ's side."""

    def __init__(self, nodes: TenantNodes, paths: Paths, registry: str = "tenants.db") -> None:
        self.nodes, self.paths = nodes, paths
        self.registry = Registry(paths.runs.with_name(registry))
        self.site, self.adopted = nodes.site(), list[str]()
        self.distribution = Distribution(paths, lambda: self.site, self.registry, self._adopt, self._check)
        self.refusal: NocError | None = None

    async def _adopt(self, node: str, directory: Directory) -> None:
        self.adopted.append(node)
        self.registry.take_over(directory, "runner")

    async def _check(self) -> None:
        if self.refusal:
            raise self.refusal

    def place(self, tenant: str, node: str = "virginia", at: int = 0) -> None:
        self.registry.place(tenant, lambda _: Tenant(tenant, node, "", at or int(time.time()), "mia"))

    def versions(self) -> list[int]:
        return [self.nodes.held(name)[0] for name in NAMES]


async def newer_on_frankfurt(hq: Hq) -> None:
    """Let frankfurt have a directory that HQ has signed and does not remember."""
    site = hq.nodes.site()
    newer = make(site.fleet, [], {NOA: "frankfurt"}, version=9, at=int(time.time()))
    await hand(site, site.fleet.node("frankfurt"), sign(newer, hq.paths))
    await site.links.close()


async def reach(hq: Hq, version: int) -> None:
    """Wait until every node has a version."""
    for _ in range(3_000):
        if hq.versions() == [version] * 3:
            return
        await asyncio.sleep(0.01)
    raise AssertionError(f"{hq.versions()} after 30 s, not {version}")


@pytest.fixture
async def hq(nodes: TenantNodes, placing: Paths) -> AsyncIterator[Hq]:
    made = Hq(nodes, placing)
    yield made
    await made.site.links.close()


async def test_every_node_gets_who_lives_where(hq: Hq) -> None:
    hq.place(MIA, "frankfurt")
    await hq.distribution.look()
    assert {read_body(hq.nodes.held(name)[1])[MIA] for name in NAMES} == {1}
    assert hq.versions() == [2, 2, 2]


async def test_a_change_is_brought_and_nothing_is_brought_twice(hq: Hq) -> None:
    await hq.distribution.look()
    hq.place(MIA)
    await hq.distribution.look()
    before = [path.stat().st_mtime_ns for name in NAMES for path in sorted(hq.nodes.home(name).iterdir())]
    await hq.distribution.look()
    assert [path.stat().st_mtime_ns for name in NAMES for path in sorted(hq.nodes.home(name).iterdir())] == before
    assert hq.versions() == [2, 2, 2]


async def test_the_proof_of_freshness_is_renewed_before_it_ends(hq: Hq, monkeypatch: pytest.MonkeyPatch) -> None:
    await hq.distribution.look()
    real, fresh_for = time.time, 86_400
    monkeypatch.setattr("noc.runs.tenants.distribution.time.time", lambda: real() + 0.6 * fresh_for)
    await hq.distribution.look()
    newest = hq.distribution.newest
    assert newest is not None
    assert (newest.head.version, newest.head.at > real() + 0.5 * fresh_for) == (1, True)
    assert [each["at"] for each in hq.distribution.described(hq.site)] == [newest.head.at] * 3


async def test_a_node_that_was_down_gets_it_once_it_is_back_and_keeps_nobody_waiting(
    hq: Hq, monkeypatch: pytest.MonkeyPatch
) -> None:
    hq.nodes.away = {"frankfurt"}
    await hq.distribution.look()
    assert hq.versions() == [1, 0, 1]
    assert "frankfurt cannot be reached" in hq.distribution.nodes["frankfurt"].trouble
    hq.nodes.away = set()
    await hq.distribution.look()
    assert hq.versions() == [1, 0, 1]
    now = time.monotonic
    monkeypatch.setattr("noc.runs.tenants.distribution.time.monotonic", lambda: now() + 20)
    await hq.distribution.look()
    assert hq.versions() == [1, 1, 1]
    assert hq.distribution.nodes["frankfurt"].trouble == ""


async def test_a_node_that_was_made_anew_gets_it_again(hq: Hq, placing: Paths) -> None:
    await hq.distribution.look()
    for path in hq.nodes.home("frankfurt").iterdir():
        path.unlink()
    await hq.site.links.close()
    Book(placing.fleet).learn("frankfurt", wireguard_key="x" * 42 + "g=")
    hq.site = hq.nodes.site()
    await hq.distribution.look()
    assert hq.versions() == [1, 1, 1]


async def test_a_change_is_brought_in_the_background_as_soon_as_it_is_told(hq: Hq) -> None:
    keeping = asyncio.create_task(hq.distribution.keep())
    await reach(hq, 1)
    hq.place(MIA)
    hq.distribution.wake()
    await reach(hq, 2)
    keeping.cancel()
    await asyncio.gather(keeping, return_exceptions=True)


async def test_of_a_large_directory_only_what_changed_is_sent(hq: Hq, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(20):
        hq.place(f"{number:032x}")
    await hq.distribution.look()
    sent, put = list[int](), NodeShell.put

    async def noted(self: NodeShell, content: bytes, path: str, **more: Any) -> int:
        sent.append(0 if path.endswith((".json", ".sig")) else len(content))
        return await put(self, content, path, **more)

    monkeypatch.setattr(NodeShell, "put", noted)
    hq.place(MIA, "frankfurt")
    hq.registry.forget(f"{3:032x}")
    await hq.distribution.look()
    assert {nodes[1] for nodes in map(hq.nodes.held, NAMES)} == {hq.distribution.newest.body}  # type: ignore[union-attr]
    assert sum(sent) == 3 * 2 * 38


async def test_one_node_is_brought_it_at_once(hq: Hq) -> None:
    hq.place(MIA)
    assert await hq.distribution.bring(hq.site, "virginia") == ""
    assert hq.versions() == [2, 0, 0]


async def test_a_runner_that_begins_anew_finds_its_own_directory_and_takes_nothing_over(hq: Hq, placing: Paths) -> None:
    hq.place(MIA)
    await hq.distribution.look()
    again = Hq(hq.nodes, placing)
    await again.distribution.look()
    await again.site.links.close()
    assert (again.adopted, again.versions()) == ([], [2, 2, 2])


async def test_an_hq_from_an_older_backup_takes_over_what_nodes_know_before_it_signs(hq: Hq, placing: Paths) -> None:
    hq.place(MIA)
    hq.place(NOA, "frankfurt")
    await hq.distribution.look()
    restored = Hq(hq.nodes, placing, "older.db")
    restored.place(MIA, at=1)
    await restored.distribution.look()
    await restored.site.links.close()
    assert len(restored.adopted) == 1
    assert restored.registry.counts() == {"frankfurt": 1, "virginia": 1}
    assert restored.registry.version == 3


async def test_who_was_placed_after_the_backup_on_either_side_stays_placed(hq: Hq, placing: Paths) -> None:
    hq.place(NOA, "frankfurt")
    await hq.distribution.look()
    restored = Hq(hq.nodes, placing, "older.db")
    restored.place(MIA, at=int(time.time()) + 60)
    await restored.distribution.look()
    await restored.site.links.close()
    assert restored.registry.counts() == {"frankfurt": 1, "virginia": 1}
    assert restored.versions() == [3, 3, 3]


async def test_a_node_that_was_ahead_and_away_is_asked_again_once_it_refuses(
    hq: Hq, monkeypatch: pytest.MonkeyPatch
) -> None:
    await newer_on_frankfurt(hq)
    hq.nodes.away = {"frankfurt"}
    await hq.distribution.look()
    hq.nodes.away = set()
    now = time.monotonic
    monkeypatch.setattr("noc.runs.tenants.distribution.time.monotonic", lambda: now() + 60)
    await hq.distribution.look()
    assert "has a newer directory than HQ" in hq.distribution.nodes["frankfurt"].trouble
    monkeypatch.setattr("noc.runs.tenants.distribution.time.monotonic", lambda: now() + 600)
    await hq.distribution.look()
    assert hq.registry.counts() == {"frankfurt": 1}
    assert hq.versions() == [9, 9, 9]


async def test_a_node_that_does_not_know_hq_s_key_yet_is_told_with_its_fix(hq: Hq) -> None:
    (hq.nodes.base / "frankfurt/etc/noc-node/directory-signers").unlink()
    await hq.distribution.look()
    assert hq.versions() == [1, 0, 1]
    assert "noc deploy frankfurt --config" in hq.distribution.nodes["frankfurt"].trouble


async def test_what_hq_has_not_signed_is_never_taken_over(hq: Hq) -> None:
    home = hq.nodes.home("frankfurt")
    await newer_on_frankfurt(hq)
    (home / "head.json").write_bytes((home / "head.json").read_bytes().replace(b'"version":9', b'"version":8'))
    (home / "tenants-9").rename(home / "tenants-8")
    with pytest.raises(DirectoryUntaken, match="not signed by HQ"):
        await hq.distribution.look()
    assert (hq.registry.counts(), hq.versions()[0]) == ({}, 0)


async def test_a_fleet_that_is_another_hq_s_gets_nothing(hq: Hq) -> None:
    hq.refusal = AnotherHq("another HQ has acted on the fleet")
    with pytest.raises(AnotherHq):
        await hq.distribution.look()
    assert hq.versions() == [0, 0, 0]


async def test_a_fleet_that_places_nobody_is_not_looked_at(nodes: TenantNodes, placing: Paths) -> None:
    placing.directory_public_key.unlink()
    hq = Hq(nodes, placing)
    await hq.distribution.look()
    assert (nodes.dialled, placing.tenants.exists()) == ([], False)
    with pytest.raises(PlacementOff):
        await hq.distribution.current(hq.site)
