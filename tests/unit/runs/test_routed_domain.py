"""The domain led to several nodes: proven one by one, balanced by the provider, and led to one of them again."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cloudflare_name_server import name_server
from cloudflare_stand_in import stand_in
from here_shell import proxy_storage
from noc.cloud.errors import BalancingOff, ForeignBalancer
from noc.errors import Usage
from noc.fleet.inventory import Life, load_inventory
from noc.runs.admission.risk import risk
from noc.runs.naming.apex import ApexMove, move_apex
from noc.runs.naming.names import apply_names
from noc.runs.naming.survey import survey_apex, survey_names
from noc.runs.paths import Paths
from noc.runs.plan.plan import Plan
from noc.runs.plan.planners import plan_apex, plan_dns
from noc.runs.record.events import Verdict
from noc.runs.record.run import Run
from routed_kit import ADDRESSES, DOMAIN, Routed, live, routed_fleet
from runs_kit import NAMES, World, begin_run, steps_of

LATENCY = 'method = "latency"'
PROOF = ["certificate", "alias", "face"]


@pytest.fixture
def fleet(paths: Paths, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Routed]:
    """Three live nodes; the domain leads nowhere yet, and `[routing]` wants it led to all of them."""
    proxy_storage(tmp_path, monkeypatch)
    monkeypatch.setattr("noc.runs.naming.apex.POLL_S", 0.01)
    monkeypatch.setattr("noc.runs.naming.proof.POLL_S", 0.01)
    monkeypatch.setattr("noc.runs.naming.proof.FACE_S", 0.3)
    monkeypatch.setattr("noc.runs.naming.balance.SHOWN_WITHIN_S", 0.3)
    monkeypatch.setattr("noc.cloud.dns.authority.POLL_S", 0.02)
    with stand_in() as account, name_server(account) as server:
        made = routed_fleet(paths, world, account, server)
        made.routing(LATENCY)
        yield made


@pytest.fixture
def no_drain(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Nobody holds an old answer; which moves would have waited for it."""
    waited: list[str] = []

    async def drained(move: ApexMove) -> list[str]:
        waited.append("drain")
        return []

    monkeypatch.setattr(ApexMove, "drain", drained)
    return waited


async def apex(fleet: Routed, node: str) -> tuple[Run, dict[str, Verdict]]:
    """`noc dns apex NODE`: the run and its verdicts."""
    site = fleet.site()
    plan = await survey_apex(site, plan_apex(site.fleet, site.book.inventory, [node], datetime.now(UTC)))
    run = begin_run(fleet.paths, plan.sealed())
    return run, {each.node: each for each in await move_apex(run, fleet.site())}


async def planned(fleet: Routed) -> Plan:
    site = fleet.site()
    return (await survey_names(site, plan_dns(site.fleet, datetime.now(UTC)))).sealed()


async def applied(fleet: Routed) -> tuple[Run, dict[str, Verdict]]:
    """`noc dns apply`."""
    run = begin_run(fleet.paths, await planned(fleet))
    return run, {each.node: each for each in await apply_names(run, fleet.site())}


def words(verdicts: dict[str, Verdict]) -> dict[str, str]:
    return {node: each.verdict for node, each in verdicts.items()}


async def test_the_domain_is_led_to_every_node_that_was_proven_and_then_nothing_is_left_to_do(fleet: Routed) -> None:
    _, verdicts = await apex(fleet, "frankfurt")
    assert words(verdicts) == {"frankfurt": "apex", "virginia": "routed", "singapore": "routed"}
    assert fleet.led_to() == list(NAMES)
    await applied(fleet)
    assert (await planned(fleet)).has_work is False


async def test_every_node_is_proven_before_the_balancer_is_made(fleet: Routed) -> None:
    run, _ = await apex(fleet, "frankfurt")
    done = [(event.node, event.step) for event in run.events if event.state.value == "ok" and event.node]
    first = done.index(("frankfurt", "balance"))
    assert {(node, step) for node in NAMES for step in PROOF} <= set(done[:first])
    assert [step for node, step in done if node == "frankfurt"] == ["zone", *PROOF, "record", "balance", "resolved"]


async def test_the_domains_record_stands_behind_the_balancer(fleet: Routed) -> None:
    await apex(fleet, "frankfurt")
    rows = (row for zone in fleet.account.rows.values() for row in zone.values())
    assert {row["content"] for row in rows if row["name"] == DOMAIN} == {ADDRESSES["frankfurt"]}


async def test_where_no_node_is_seen_to_work_the_chosen_one_is_answered_with(fleet: Routed) -> None:
    await apex(fleet, "frankfurt")
    fleet.server.down = {*ADDRESSES.values()}
    assert fleet.server.addresses(DOMAIN) == [ADDRESSES["frankfurt"]]


async def test_who_asks_is_answered_by_another_node_once_the_chosen_one_is_seen_to_be_dead(fleet: Routed) -> None:
    await apex(fleet, "virginia")
    web = fleet.site().web
    assert (await web.health(DOMAIN)).boot_id == (await web.health(f"virginia.{DOMAIN}")).boot_id
    fleet.server.down = {ADDRESSES["virginia"]}
    assert (await web.health(DOMAIN)).boot_id == (await web.health(f"frankfurt.{DOMAIN}")).boot_id


async def test_a_domain_is_not_taken_for_led_while_another_node_answers(
    fleet: Routed, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet.routing('method = "single"')
    await apex(fleet, "virginia")
    monkeypatch.setattr("noc.runs.naming.apex.RESOLVED_S", 0.3)
    monkeypatch.setattr(ApexMove, "_ttl", 0.1)
    fleet.routing(f'{LATENCY}\nnodes = ["frankfurt", "singapore"]')
    fleet.server.held[DOMAIN] = ADDRESSES["virginia"]
    _, verdicts = await apex(fleet, "frankfurt")
    assert (f"{DOMAIN} is not answered by frankfurt, singapore yet" in verdicts["frankfurt"].why) is True
    assert words(verdicts)["virginia"] == "untouched"


async def test_the_price_is_told_before_anything_is_made(fleet: Routed) -> None:
    site = fleet.site()
    plan = await survey_apex(site, plan_apex(site.fleet, site.book.inventory, ["frankfurt"], datetime.now(UTC)))
    assert plan.records[-1].endswith("$20.00 a month at list prices for 3 endpoints")
    assert fleet.account.balancing.rows == {"monitors": {}, "pools": {}, "balancers": {}}


async def test_nobody_is_led_to_a_node_that_does_not_answer_for_the_domain(fleet: Routed) -> None:
    fleet.world.machines["virginia"].flaw = "unreachable"
    _, verdicts = await apex(fleet, "frankfurt")
    assert (words(verdicts)["virginia"], fleet.led_to()) == ("failed", ["frankfurt", "singapore"])


async def test_a_node_that_was_led_to_and_does_not_answer_any_more_is_left_out(fleet: Routed) -> None:
    await apex(fleet, "frankfurt")
    fleet.world.machines["virginia"].flaw = "unreachable"
    _, verdicts = await apex(fleet, "frankfurt")
    assert (words(verdicts)["virginia"], fleet.led_to()) == ("failed", ["frankfurt", "singapore"])


async def test_without_the_chosen_node_nobody_is_led_anywhere(fleet: Routed) -> None:
    fleet.world.machines["frankfurt"].flaw = "unreachable"
    _, verdicts = await apex(fleet, "frankfurt")
    assert (words(verdicts)["frankfurt"], fleet.led_to(), fleet.site().book.inventory.routed) == ("failed", [], ())


async def test_another_node_is_chosen_and_all_go_on_answering(fleet: Routed) -> None:
    await apex(fleet, "frankfurt")
    _, verdicts = await apex(fleet, "virginia")
    assert words(verdicts) == {"virginia": "apex", "frankfurt": "unchanged", "singapore": "unchanged"}
    fleet.server.down = {*ADDRESSES.values()}
    assert fleet.server.addresses(DOMAIN) == [ADDRESSES["virginia"]]


async def test_given_again_nothing_is_changed(fleet: Routed) -> None:
    await apex(fleet, "frankfurt")
    before = fleet.account.asked.copy()
    _, verdicts = await apex(fleet, "frankfurt")
    assert set(words(verdicts).values()) == {"unchanged"}
    assert {asked.split()[0] for asked in fleet.account.asked[len(before) :]} == {"GET"}


async def test_only_nodes_that_are_named_are_led_to(fleet: Routed) -> None:
    fleet.routing(f'{LATENCY}\nnodes = ["frankfurt", "singapore"]')
    _, verdicts = await apex(fleet, "frankfurt")
    assert (words(verdicts), fleet.led_to()) == (
        {"frankfurt": "apex", "singapore": "routed"},
        ["frankfurt", "singapore"],
    )


async def test_a_node_that_is_not_named_cannot_be_chosen(fleet: Routed) -> None:
    fleet.routing(f'{LATENCY}\nnodes = ["frankfurt", "singapore"]')
    with pytest.raises(Usage, match="virginia"):
        await apex(fleet, "virginia")


async def test_a_node_that_is_named_no_more_leaves_the_balancer_and_then_answers_no_more(
    fleet: Routed, no_drain: list[str]
) -> None:
    await apex(fleet, "frankfurt")
    fleet.routing(f'{LATENCY}\nnodes = ["frankfurt", "singapore"]')
    _, verdicts = await apex(fleet, "frankfurt")
    assert (words(verdicts)["virginia"], no_drain) == ("withdrawn", ["drain"])
    assert fleet.led_to() == ["frankfurt", "singapore"]
    assert set(fleet.site().book.inventory.answers_apex) == {"frankfurt", "singapore"}


async def test_a_node_that_is_not_live_any_more_leaves_the_balancer(fleet: Routed) -> None:
    fleet.proven("frankfurt")
    await applied(fleet)
    fleet.learn(virginia=live("virginia").model_copy(update={"life": Life.PROVISIONED}))
    _, verdicts = await applied(fleet)
    assert (words(verdicts)["virginia"], fleet.led_to()) == ("routed", ["frankfurt", "singapore"])


async def test_back_in_life_it_has_to_be_proven_again(fleet: Routed) -> None:
    fleet.proven("frankfurt")
    await applied(fleet)
    fleet.learn(virginia=live("virginia").model_copy(update={"life": Life.PROVISIONED}))
    await applied(fleet)
    fleet.learn(virginia=live("virginia"))
    plan = await planned(fleet)
    assert (plan.has_work, "noc dns apex frankfurt" in plan.row("virginia").notes[0]) == (False, True)


async def test_a_node_that_moves_is_led_to_at_its_new_address(fleet: Routed, monkeypatch: pytest.MonkeyPatch) -> None:
    fleet.proven("frankfurt")
    await applied(fleet)
    monkeypatch.setitem(ADDRESSES, "singapore", "192.0.2.99")
    fleet.learn(singapore=live("singapore"))
    await applied(fleet)
    pools = {pool["name"]: pool["origins"] for pool in fleet.account.balancing.rows["pools"].values()}
    assert pools["clavitor_singapore"][0]["address"] == "192.0.2.99"


async def test_led_to_one_node_again_the_balancer_goes_after_the_record_stands(
    fleet: Routed, no_drain: list[str]
) -> None:
    await apex(fleet, "frankfurt")
    fleet.routing('method = "single"')
    run, verdicts = await apex(fleet, "singapore")
    assert words(verdicts) == {"singapore": "apex", "virginia": "withdrawn", "frankfurt": "withdrawn"}
    done = [step for step, state in steps_of(run, "singapore") if state == "ok"]
    assert done == ["zone", *PROOF, "record", "balance", "resolved"]
    assert fleet.account.balancing.rows == {"monitors": {}, "pools": {}, "balancers": {}}
    assert fleet.server.addresses(DOMAIN) == [ADDRESSES["singapore"]]
    known = load_inventory(fleet.paths.fleet)
    assert (known.apex, known.routed, known.answers_apex) == ("singapore", (), ("singapore",))


async def test_an_apply_alone_lets_the_balancer_go_and_the_record_leads_on(fleet: Routed) -> None:
    fleet.proven("frankfurt")
    await applied(fleet)
    fleet.routing('method = "single"')
    await applied(fleet)
    assert fleet.server.addresses(DOMAIN) == [ADDRESSES["frankfurt"]]
    assert fleet.account.balancing.rows == {"monitors": {}, "pools": {}, "balancers": {}}
    assert fleet.site().book.inventory.routed == ()


async def test_the_old_answer_may_be_held_for_as_long_as_the_balancer_said(fleet: Routed) -> None:
    fleet.routing(f"{LATENCY}\nttl = 600")
    fleet.proven("frankfurt")
    await applied(fleet)
    fleet.routing('method = "single"')
    site = fleet.site()
    plan = plan_apex(site.fleet, site.book.inventory, ["frankfurt"], datetime.now(UTC))
    move = ApexMove(begin_run(fleet.paths, plan), site, site.fleet.node("frankfurt"))
    await move.balance()
    assert move.withdrawal(site.fleet.node("virginia"))[0].deadline_s == 630


async def test_a_domain_that_was_never_balanced_asks_for_no_balancer(fleet: Routed, no_drain: list[str]) -> None:
    fleet.routing('method = "single"')
    run, _ = await apex(fleet, "frankfurt")
    await applied(fleet)
    done = [step for step, state in steps_of(run, "frankfurt") if state == "ok"]
    assert done == ["zone", *PROOF, "record", "resolved"]
    assert [asked for asked in fleet.account.asked if "load_balancers" in asked] == []


async def test_a_balancer_of_others_before_the_domain_is_left_alone(fleet: Routed) -> None:
    fleet.account.balancing.rows["balancers"]["f" * 32] = row = {
        "id": "f" * 32, "name": DOMAIN, "enabled": True, "default_pools": [], "fallback_pool": "0" * 32,
    }  # fmt: skip
    with pytest.raises(ForeignBalancer, match=DOMAIN):
        await apex(fleet, "frankfurt")
    assert fleet.account.balancing.rows["balancers"] == {"f" * 32: row}


async def test_without_a_subscription_the_record_leads_and_the_next_command_goes_on(fleet: Routed) -> None:
    fleet.account.balancing.subscription.on = False
    run, verdicts = await apex(fleet, "frankfurt")
    assert BalancingOff.code in verdicts["frankfurt"].why
    assert ("balance", "failed") in steps_of(run, "frankfurt")
    assert fleet.server.addresses(DOMAIN) == [ADDRESSES["frankfurt"]]
    fleet.account.balancing.subscription.on = True
    _, verdicts = await apex(fleet, "frankfurt")
    assert (verdicts["frankfurt"].good, fleet.led_to()) == (True, list(NAMES))


async def test_name_servers_that_do_not_show_the_balancer_are_told(fleet: Routed) -> None:
    await apex(fleet, "frankfurt")
    fleet.server.behind = {DOMAIN}
    _, verdicts = await apex(fleet, "frankfurt")
    assert "the name servers do not show" in verdicts["frankfurt"].why


async def test_what_costs_money_is_a_medium_risk(fleet: Routed) -> None:
    fleet.proven("frankfurt")
    await applied(fleet)
    fleet.account.balancing.rows["balancers"].clear()
    plan = await planned(fleet)
    assert [change.split()[:2] for change in plan.records] == [["create", "balancer"]]
    assert risk(plan, fleet.site().book.inventory) == "medium"


async def test_the_plan_says_which_nodes_are_not_led_to_and_why(fleet: Routed) -> None:
    fleet.learn(singapore=live("singapore").model_copy(update={"life": Life.LAUNCHED}))
    fleet.routing(f'{LATENCY}\nnodes = ["frankfurt", "singapore"]')
    plan = await planned(fleet)
    assert "noc dns apex" in plan.row("frankfurt").notes[0]
    assert "not live" in plan.row("singapore").notes[0]
    assert plan.row("virginia").notes == ()


async def test_changes_of_the_balancer_are_in_the_journal(fleet: Routed) -> None:
    fleet.proven("frankfurt")
    await applied(fleet)
    fleet.account.balancing.rows["balancers"].clear()
    run, _ = await applied(fleet)
    told = [(event.state.value, event.detail["say"]) for event in run.events if event.step == "balance"]
    assert told == [(state, said) for state in ("started", "ok") for said in run.plan.records]
