"""Plans for fleets of up to 2,000 nodes: their waves, their shares, their size, and what stays as it was."""

from ipaddress import IPv4Address, IPv4Network

import pytest

from noc.fleet.inventory import Inventory, Life, NodeRecord
from noc.fleet.model import Fleet, Node
from noc.fleet.shares import MOST_NODES
from noc.hosts.activation import NodeFacts
from noc.runs.plan.estimate import History
from noc.runs.plan.plan import Plan, Rules, canaries, check
from noc.runs.plan.planners import plan_deploy, plan_rollback
from noc.runs.record.chain import MAX_RECORD
from noc.runs.record.events import Event, State
from noc.runs.rollout.prospect import Answer, Headquarters, completed
from noc.runs.runner.broadcast import MOST_SHOWN, as_shown
from noc.runs.runner.view import View, advance
from noc.watch.pages.asked import Plan as Shown
from runs_kit import MANIFESTS, NOW, OLD, manifest

TAGS = ("americas", "europe", "asia-pacific", "africa")
FACTS = NodeFacts(
    current=OLD,
    version="1.0.0",
    fence=1,
    pending=None,
    proven=(OLD,),
    disk_free_bytes=1 << 40,
    memory_free_bytes=1 << 30,
    releases=(OLD,),
    builds={OLD: 1},
)


def node(like: Node, number: int) -> Node:
    return like.model_copy(
        update={
            "name": f"node-{number}",
            "number": number,
            "tunnel": IPv4Address("10.84.0.10") + number,
            "tags": (TAGS[number % len(TAGS)],),
        }
    )


@pytest.fixture
def large(fleet: Fleet) -> Fleet:
    """As many nodes as there may be, in four regions by turns."""
    tunnel = fleet.tunnel.model_copy(update={"network": IPv4Network("10.84.0.0/20")})
    nodes = tuple(node(fleet.nodes[0], number) for number in range(1, MOST_NODES + 1))
    return fleet.model_copy(update={"tunnel": tunnel, "nodes": nodes})


@pytest.fixture
def inventory(large: Fleet) -> Inventory:
    return Inventory(nodes={each.name: NodeRecord(life=Life.LIVE, release=OLD) for each in large.nodes})


def deploy(fleet: Fleet, inventory: Inventory, canary: str | None = None, **said: object) -> Plan:
    rules = Rules.read(fleet, said, len(fleet.nodes))
    return plan_deploy(fleet, inventory, manifest(), ["all"], NOW, rules=rules, canary=canary)


def asked(plan: Plan) -> Plan:
    headquarters = Headquarters(MANIFESTS, fence=1, now=NOW)
    return completed(plan, {name: Answer(FACTS) for name in plan.nodes}, headquarters, History(), bound_s=600).sealed()


def test_a_share_is_of_the_nodes_that_the_rollout_is_over(large: Fleet, inventory: Inventory) -> None:
    assert deploy(large, inventory, batch="5%").rules.batch == 100


def test_the_policys_share_holds_where_a_command_says_nothing(large: Fleet, inventory: Inventory) -> None:
    ruled = large.model_copy(update={"policy": large.policy.model_copy(update={"batch": "5%", "waves": "region"})})
    plan = plan_rollback(ruled, inventory, ["all"], NOW)
    assert (plan.rules.batch, plan.rules.waves, len(set(plan.regions))) == (100, "region", 4)


def test_regions_follow_each_other_whole_and_the_canarys_comes_first(large: Fleet, inventory: Inventory) -> None:
    plan = deploy(large, inventory, canary="node-7", waves="region")
    assert (plan.nodes[0], plan.regions[0]) == ("node-7", "africa")
    assert plan.regions == tuple(sorted(plan.regions, key=list(dict.fromkeys(plan.regions)).index))
    assert sorted(plan.nodes) == sorted(each.name for each in large.nodes)


def test_each_region_has_a_canary_then_batches_that_end_with_it(large: Fleet, inventory: Inventory) -> None:
    plan = asked(deploy(large, inventory, batch="5%", waves="region"))
    first = canaries(plan.rows, plan.region_of)
    assert sorted(plan.region_of[name] for name in first) == sorted(TAGS)
    for number in range(plan.rows[-1].wave + 1):
        wave = [row.node for row in plan.rows if row.wave == number]
        assert len({plan.region_of[name] for name in wave}) == 1
        assert len(wave) <= 100
        assert not first & set(wave) or len(wave) == 1


def test_who_approves_sees_the_canary_of_each_region(large: Fleet, inventory: Inventory) -> None:
    plan = asked(deploy(large, inventory, batch="5%", waves="region"))
    shown = Shown.model_validate(plan.model_dump(mode="json")).waves
    assert {name for name, wave in shown.items() if wave.startswith("canary of ")} == canaries(
        plan.rows, plan.region_of
    )
    assert shown[plan.nodes[1]] == f"1 of {plan.regions[1]}"


def test_a_regions_canary_soaks_as_long_as_the_fleets(large: Fleet, inventory: Inventory) -> None:
    plan = asked(deploy(large, inventory, soak=1, canary_soak=20, batch="100%", waves="region"))
    once = asked(deploy(large, inventory, soak=1, canary_soak=20, batch="100%"))
    assert plan.estimate is not None
    assert once.estimate is not None
    assert plan.estimate.activate_s - once.estimate.activate_s == pytest.approx(3 * (20 + 1))


def test_a_plan_of_all_nodes_holds_fits_a_record_and_keeps_its_digest(large: Fleet, inventory: Inventory) -> None:
    plan = asked(deploy(large, inventory, batch="5%", waves="region"))
    assert check(plan.model_dump(mode="json"), large) == plan
    assert len(plan.model_dump_json()) < MAX_RECORD


def test_a_plan_that_says_nothing_of_regions_has_the_digest_that_it_always_had() -> None:
    plan = Plan(
        action="deploy",
        nodes=("virginia", "frankfurt"),
        release="b" * 64,
        version="1.1.0",
        build=2,
        rules=Rules(batch=3),
        created=NOW,
    )
    assert plan.content_digest() == "60abecd862460107c53bf744b861d419c01896ec42a58b739e965f817144a8e2"


def test_of_a_large_run_the_page_is_told_the_nodes_that_failed_first_and_how_many_are_left_out(
    large: Fleet, inventory: Inventory
) -> None:
    plan = asked(deploy(large, inventory))
    told = {"plan": plan.model_dump(mode="json")}
    begun = Event(seq=1, at=NOW, run="r", node=None, step="run", state=State.STARTED, detail=told)
    blocked = Event(seq=2, at=NOW, run="r", node="node-1999", step="preflight", state=State.FAILED)
    shown = as_shown(advance(advance(View(), begun), blocked), NOW)
    assert len(shown["nodes"]) == MOST_SHOWN
    assert "node-1999" in {each["node"] for each in shown["nodes"]}
    assert shown["progress"].endswith(f" · {MOST_NODES - MOST_SHOWN} more nodes")
