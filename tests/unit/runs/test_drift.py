"""Drift: which nodes differ from what is rendered, and what is said of those that could not be looked at."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

import pytest

from noc.cli.drift import exit_status
from noc.errors import NotFound
from noc.fleet.inventory import HubRecord, Life, NodeRecord
from noc.fleet.model import Fleet, Node
from noc.hosts.answers import NodeFacts
from noc.hosts.debian import Debian
from noc.hosts.errors import ConnectionLost
from noc.hosts.platform import Platform
from noc.runs.health import drift as looking
from noc.runs.health.drift import drift
from noc.runs.paths import Paths
from noc.runs.site.site import Site
from runs_kit import HUB_KEY, NAMES, FakeWays, World, make_site, write_fleet

CADDYFILE = "/etc/caddy/Caddyfile"


@dataclass
class Looked:
    """What nodes answer to a comparison: paths that differ, an error, or nothing for ever."""

    answers: dict[str, Any] = field(default_factory=dict)
    asked: dict[str, dict[str, str]] = field(default_factory=dict)
    at_once: int = 0
    most: int = 0
    reboot: tuple[str, ...] = ()


class Ways(FakeWays):
    """Real platforms, whose nodes answer comparisons."""

    def __init__(self, world: World, fleet: Fleet, looked: Looked) -> None:
        super().__init__(world, fleet)
        self.looked = looked

    def platform(self, node: Node) -> Platform:
        return Debian()

    def activator(self, shell: Any) -> Any:
        return Comparing(shell.name, self.looked)


class Comparing:
    def __init__(self, name: str, looked: Looked) -> None:
        self.name, self.looked = name, looked

    async def compare(self, files: dict[str, str]) -> tuple[str, ...]:
        self.looked.asked[self.name] = files
        self.looked.at_once += 1
        self.looked.most = max(self.looked.most, self.looked.at_once)
        await asyncio.sleep(0)
        self.looked.at_once -= 1
        answer = self.looked.answers.get(self.name, ())
        if answer == "silence":
            await asyncio.sleep(3600)
        if isinstance(answer, Exception):
            raise answer
        return tuple(answer)

    async def facts(self) -> NodeFacts:
        known = {
            "fence": 0,
            "pending": None,
            "proven": (),
            "disk_free_bytes": 1,
            "memory_free_bytes": 1,
            "releases": (),
        }
        return NodeFacts.model_validate({"current": None, "version": None, **known, "reboot": self.looked.reboot})


@pytest.fixture
def looked() -> Looked:
    return Looked()


@pytest.fixture
def site(paths: Paths, fleet: Fleet, world: World, looked: Looked) -> Site:
    live = NodeRecord(life=Life.LIVE, release="a" * 64)
    write_fleet(paths.fleet, virginia=live, frankfurt=live)
    made = make_site(paths, fleet, world)
    hub = HubRecord(wireguard_key=HUB_KEY, host_ca="ssh-ed25519 AAAA")
    made.book._inventory = made.book.inventory.model_copy(update={"hub": hub})
    object.__setattr__(made, "ways", Ways(world, fleet, looked))
    return made


def states(answer: dict[str, Any]) -> dict[str, str]:
    return {row["node"]: row["state"] for row in answer["nodes"]}


async def test_nodes_as_rendered_are_the_same_and_planned_ones_are_pending(site: Site) -> None:
    answer = await drift(site, ["all"])
    assert states(answer) == {"virginia": "same", "frankfurt": "same"}
    assert (answer["pending"], exit_status(answer)) == (["singapore"], 0)


async def test_a_node_that_differs_is_named_with_its_paths(site: Site, looked: Looked) -> None:
    looked.answers["frankfurt"] = (CADDYFILE,)
    answer = await drift(site, ["all"])
    assert answer["nodes"][1] == {
        "node": "frankfurt",
        "state": "differs",
        "paths": [CADDYFILE],
        "reboot": [],
        "why": "",
    }
    assert exit_status(answer) == 3


async def test_a_node_that_cannot_be_reached_is_never_the_same(site: Site, looked: Looked) -> None:
    looked.answers = {"virginia": ConnectionLost("the connection broke"), "frankfurt": (CADDYFILE,)}
    answer = await drift(site, ["all"])
    assert states(answer) == {"virginia": "unknown", "frankfurt": "differs"}
    assert "the connection broke" in answer["nodes"][0]["why"]
    assert exit_status(answer) == 1


async def test_a_node_that_never_answers_ends_by_itself(
    site: Site, looked: Looked, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(looking, "ANSWER_S", 0.05)
    looked.answers["virginia"] = "silence"
    answer = await drift(site, ["all"])
    assert states(answer) == {"virginia": "unknown", "frankfurt": "same"}
    assert answer["nodes"][0]["why"] == "no answer within 0.05 s"


async def test_only_so_many_nodes_are_asked_at_once(
    site: Site, looked: Looked, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(looking, "AT_ONCE", 1)
    await drift(site, list(NAMES))
    assert (len(looked.asked), looked.most) == (3, 1)


async def test_a_node_that_is_not_live_is_looked_at_when_asked_for(site: Site) -> None:
    assert states(await drift(site, ["singapore"])) == {"singapore": "same"}


async def test_a_name_that_is_not_in_the_fleet_is_an_error(site: Site) -> None:
    with pytest.raises(NotFound):
        await drift(site, ["atlantis"])


async def test_a_path_cannot_play_with_the_terminal(site: Site, looked: Looked) -> None:
    looked.answers["virginia"] = ("/etc/\x1b[2J",)
    assert (await drift(site, ["virginia"]))["nodes"][0]["paths"] == ["/etc/ [2J"]


async def test_each_node_is_held_against_its_own_names_and_no_secret(site: Site, looked: Looked) -> None:
    await drift(site, ["all"])
    asked = looked.asked
    assert asked["virginia"].keys() == asked["frankfurt"].keys()
    assert asked["virginia"][CADDYFILE] != asked["frankfurt"][CADDYFILE]
    assert "/etc/clavitor/environment" not in asked["virginia"]
    assert all(words.split()[0] in {"644", "600"} for words in asked["virginia"].values())


async def test_what_waits_for_a_reboot_is_named_and_is_no_difference(site: Site, looked: Looked) -> None:
    looked.reboot = ("kernel",)
    answer = await drift(site, ["virginia"])
    assert [(row["state"], row["reboot"]) for row in answer["nodes"]] == [("same", ["kernel"])]
    assert exit_status(answer) == 0
