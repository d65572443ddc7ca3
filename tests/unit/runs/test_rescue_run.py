"""A rescue: two keys turn one lock, and whatever comes of it the cloud's is shut again.

The cloud's lock is the stand-in for AWS, asked by the real client; the node is a fake with a lock of its own, which a
connection reaches only while both are open.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from typing import Any

import pytest

from cloud_kit import Cloud, cloud
from noc.cloud.ec2.door import shut_out
from noc.fleet.inventory import Life, NodeRecord
from noc.fleet.model import Fleet
from noc.fleet.rescuing import Rescue
from noc.hosts.errors import TunnelRefused, Unreachable
from noc.hosts.platform import Change
from noc.lab.cloud.account import CREDENTIALS
from noc.mesh.keys import generate
from noc.runs.paths import Paths
from noc.runs.plan.plan import NodePlan, Plan
from noc.runs.plan.planners import plan_rescue
from noc.runs.record.events import Verdict
from noc.runs.rescue import node as rescuing
from noc.runs.rescue.doors import DoorKeeper, OpenDoors
from noc.runs.rescue.node import lock_opens_in
from noc.runs.rescue.rescue import rescue, survey_rescue
from noc.runs.site.site import Site
from runs_kit import NOW, World, begin_run, make_site, steps_of, write_fleet

NAME, HUB = "frankfurt", "192.0.2.1"
KEY = generate()[1]


@dataclass
class Spoke:
    """A node whose tunnel is dead.

    Attributes:
        cloud: whose group stands before it; None for none.
        unlocked: its own lock lets HQ in.
        carries: its tunnel works.
        stubborn: it keeps its tunnel as it was.
    """

    cloud: Cloud | None = None
    unlocked: bool = True
    carries: bool = False
    stubborn: bool = False

    @property
    def name(self) -> str:
        return NAME

    def sources(self) -> list[str]:
        """Whom the cloud lets in at 22."""
        assert self.cloud is not None
        (group,) = self.cloud.owned(NAME).groups()
        rules = [rule for rule in group["IpPermissions"] if rule.get("FromPort") == 22]
        return [each["CidrIp"] for rule in rules for each in rule["IpRanges"]]

    async def dial(self, name: str, address: str, trust: Any, *, timeout_s: float) -> Any:
        inside = address.startswith("10.")
        let_in = self.cloud is None or f"{HUB}/32" in await asyncio.to_thread(self.sources)
        if not (self.carries if inside else self.unlocked and let_in):
            raise Unreachable(f"{name} cannot be reached", why="no answer")
        return self

    def platform(self, _: Any) -> Any:
        return self

    async def tunnel_key(self, _: Any) -> str:
        return KEY

    async def repair_tunnel(self, _shell: Any, _config: Any) -> Change:
        if self.stubborn:
            raise TunnelRefused(f"{NAME} keeps its tunnel as it was")
        self.carries = True
        return Change(("tunnel restarted",))

    async def close(self) -> None:
        pass


@pytest.fixture(scope="module")
def served() -> Iterator[Cloud]:
    """An account with the machine of one node."""
    with cloud() as made:
        made.launch(NAME)
        yield made


@pytest.fixture
def aws(served: Cloud) -> Cloud:
    """The same, shut."""
    served.settle(failing={})
    shut_out(served.owned(NAME))
    return served


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, seconds in {"SLACK_S": 3, "_POLL_S": 0.01, "HANDSHAKE_S": 1.5, "HUB_APPLIES_S": 1}.items():
        monkeypatch.setattr(rescuing, name, seconds)


@pytest.fixture
async def spoke(paths: Paths, world: World) -> AsyncIterator[Spoke]:
    record = NodeRecord(life=Life.LIVE, wireguard_key=KEY, address=IPv4Address("192.0.2.7"))
    write_fleet(paths.fleet, **{NAME: record})
    made = Spoke()

    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(f"{KEY}\t{time.time() if made.carries else 0:.0f}\n".encode())
        writer.close()

    server = await asyncio.start_unix_server(answer, paths.tunnels_socket)
    yield made
    server.close()


def site_of(paths: Paths, fleet: Fleet, spoke: Spoke) -> Site:
    site = replace(make_site(paths, _with_cloud(fleet, spoke.cloud), World({})), ways=spoke)  # type: ignore[arg-type]
    if spoke.cloud is not None:
        (paths.credentials / "aws").touch(mode=0o600)
        (paths.credentials / "aws").write_text(CREDENTIALS)
    return site


def _with_cloud(fleet: Fleet, aws: Cloud | None) -> Fleet:
    there = {"region": "eu-central-1", "instance_type": "t4g.nano"} if aws else {}
    launch = fleet.launch.model_copy(update={"endpoint": aws.account.endpoint} if aws else {})
    nodes = tuple(node.model_copy(update=there) for node in fleet.nodes)
    rescue_rule = Rescue.model_construct(fallback_after=0.1, rescue_after=0.5)
    return fleet.model_copy(update={"nodes": nodes, "launch": launch, "rescue": rescue_rule})


def planned(site: Site, state: str = "change") -> Plan:
    plan = plan_rescue(site.fleet, site.book.inventory, [NAME], NOW)
    row = NodePlan(node=NAME, position=1, state=state)  # type: ignore[arg-type]
    return plan.model_copy(update={"rows": (row,)}).sealed()


async def rescued(paths: Paths, fleet: Fleet, spoke: Spoke) -> tuple[Verdict, list[tuple[str, str]]]:
    site = site_of(paths, fleet, spoke)
    run = begin_run(paths, planned(site))
    (verdict,) = await rescue(run, site)
    return verdict, steps_of(run, NAME)


@pytest.mark.parametrize(("silent_s", "left_s"), [(0, 7200), (60, 7140), (7200, 0), (90_000, 0), (-5, 7205)])
def test_a_node_s_own_lock_opens_a_fixed_time_after_its_last_sign(silent_s: float, left_s: float) -> None:
    now = datetime.now(UTC)
    assert lock_opens_in(now - timedelta(seconds=silent_s), 7200, now) == left_s


def test_of_a_node_that_was_never_heard_nothing_is_known() -> None:
    assert lock_opens_in(None, 7200, datetime.now(UTC)) == 0


async def test_with_both_locks_open_the_tunnel_comes_back(paths: Paths, fleet: Fleet, spoke: Spoke, aws: Cloud) -> None:
    spoke.cloud = aws
    verdict, steps = await rescued(paths, fleet, spoke)
    assert (verdict.verdict, verdict.now, verdict.why) == ("rescued", "tunnel", "")
    assert [step for step, state in steps if state == "ok"] == [
        "wait", "open", "enter", "repair", "handshake", "tunnel-ssh", "shut",
    ]  # fmt: skip


async def test_the_cloud_is_shut_again_after_a_rescue(paths: Paths, fleet: Fleet, spoke: Spoke, aws: Cloud) -> None:
    spoke.cloud = aws
    await rescued(paths, fleet, spoke)
    assert (spoke.sources(), OpenDoors(paths.doors).names()) == ([], ())


async def test_the_cloud_s_key_alone_opens_nothing(paths: Paths, fleet: Fleet, spoke: Spoke, aws: Cloud) -> None:
    spoke.cloud, spoke.unlocked = aws, False
    verdict, _ = await rescued(paths, fleet, spoke)
    assert (verdict.verdict, verdict.good) == ("not rescued", False)
    assert "E580" in verdict.why


async def test_the_node_s_key_alone_opens_nothing(spoke: Spoke, aws: Cloud) -> None:
    spoke.cloud = aws
    with pytest.raises(Unreachable):
        await spoke.dial(NAME, "192.0.2.7", None, timeout_s=1)


@pytest.mark.parametrize("flaw", ["unlocked", "stubborn"])
async def test_the_cloud_is_shut_again_after_a_failure(
    paths: Paths, fleet: Fleet, spoke: Spoke, aws: Cloud, flaw: str
) -> None:
    spoke.cloud = aws
    setattr(spoke, flaw, flaw == "stubborn")
    verdict, _ = await rescued(paths, fleet, spoke)
    assert (verdict.good, spoke.sources()) == (False, [])


async def test_a_rule_that_cannot_be_withdrawn_is_told_and_withdrawn_later(
    paths: Paths, fleet: Fleet, spoke: Spoke, aws: Cloud
) -> None:
    spoke.cloud = aws
    aws.settle(failing={"RevokeSecurityGroupIngress": "InternalError"})
    verdict, _ = await rescued(paths, fleet, spoke)
    assert "E581" in verdict.why
    assert spoke.sources() == [f"{HUB}/32"]
    aws.settle(failing={})
    await DoorKeeper(OpenDoors(paths.doors), lambda: site_of(paths, fleet, spoke), lambda: True).look()
    assert (spoke.sources(), OpenDoors(paths.doors).names()) == ([], ())


async def test_a_door_is_left_alone_while_a_run_is_under_way(paths: Paths) -> None:
    OpenDoors(paths.doors).add(NAME)

    def unasked() -> Site:
        raise AssertionError("the cloud was asked")

    await DoorKeeper(OpenDoors(paths.doors), unasked, lambda: False).look()
    assert OpenDoors(paths.doors).names() == (NAME,)


async def test_a_machine_outside_of_any_cloud_of_ours_has_one_lock_alone(
    paths: Paths, fleet: Fleet, spoke: Spoke
) -> None:
    verdict, steps = await rescued(paths, fleet, spoke)
    assert verdict.verdict == "rescued"
    assert not any(step == "shut" for step, _ in steps)


async def test_a_tunnel_that_comes_back_by_itself_is_left_as_it_is(
    paths: Paths, fleet: Fleet, spoke: Spoke, aws: Cloud
) -> None:
    spoke.cloud, spoke.unlocked, spoke.carries, spoke.stubborn = aws, False, True, True
    verdict, steps = await rescued(paths, fleet, spoke)
    assert verdict.verdict == "rescued"
    assert not any(step == "shut" for step, _ in steps)


async def test_a_run_that_is_to_end_gives_the_wait_up(paths: Paths, fleet: Fleet, spoke: Spoke, aws: Cloud) -> None:
    spoke.cloud, spoke.unlocked = aws, False
    site = site_of(paths, fleet, spoke)
    run = begin_run(paths, planned(site))
    asyncio.get_running_loop().call_later(0.2, run.stopping.set)
    (verdict,) = await rescue(run, site)
    assert "E513" in verdict.why
    assert spoke.sources() == []


async def test_the_node_s_public_key_is_taken_from_the_node(paths: Paths, fleet: Fleet, spoke: Spoke) -> None:
    site = site_of(paths, fleet, spoke)
    await rescue(begin_run(paths, planned(site)), site)
    assert f"PublicKey = {KEY}" in (paths.fleet / "wireguard/peers.conf").read_text()


@pytest.mark.parametrize(("carries", "state"), [(True, "unchanged"), (False, "change")])
async def test_the_plan_says_whose_tunnel_is_dead(
    paths: Paths, fleet: Fleet, spoke: Spoke, carries: bool, state: str
) -> None:
    spoke.carries = carries
    site = site_of(paths, fleet, spoke)
    plan = await survey_rescue(site, plan_rescue(site.fleet, site.book.inventory, [NAME], NOW))
    assert plan.row(NAME).state == state


async def test_without_a_known_address_there_is_no_rescue(paths: Paths, fleet: Fleet, spoke: Spoke) -> None:
    write_fleet(paths.fleet, **{NAME: NodeRecord(life=Life.LIVE, wireguard_key=KEY)})
    site = site_of(paths, fleet, spoke)
    plan = await survey_rescue(site, plan_rescue(site.fleet, site.book.inventory, [NAME], NOW))
    assert [row.node for row in plan.blocked] == [NAME]


async def test_a_plan_says_that_this_hq_may_not_be_let_in(paths: Paths, fleet: Fleet, spoke: Spoke) -> None:
    site = site_of(paths, fleet, spoke)
    plan = await survey_rescue(site, plan_rescue(site.fleet, site.book.inventory, [NAME], NOW))
    assert any("hub.rescue does not name 192.0.2.1" in note for note in plan.row(NAME).notes)


@pytest.mark.parametrize("text", ["", "{", "7", "null"])
def test_a_damaged_list_of_doors_is_an_empty_one(paths: Paths, text: str) -> None:
    paths.doors.write_text(text)
    assert OpenDoors(paths.doors).names() == ()
