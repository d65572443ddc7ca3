"""A milestone's lines, from pictures of the plan's fleet."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noc.fleet.inventory import Inventory, Life, NodeRecord
from noc.fleet.load import load
from noc.hosts.web import Health
from noc.runs.review.decision import Decision
from noc.runs.review.errors import NoMilestone
from noc.runs.review.milestones import MILESTONES, milestone
from noc.runs.review.report import Line, Report, Verdict
from noc.runs.review.seen import RunSeen, Seen

PLAN = load(Path(__file__).parents[3] / "fleet")
NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
NAMES = tuple(node.name for node in PLAN.nodes)
COUNTED = tuple(name for name in NAMES if name != "uae")
CHECKS = ("tunnel", "round trip", "https", "certificate", "ports", "heartbeat", "telemetry")
WELL = dict.fromkeys(CHECKS, ("ok", "well"))
DEATH: Mapping[str, Any] = {
    "id": 7,
    "node": "frankfurt",
    "cause": "death",
    "detail": "killed by SIGKILL",
    "started_at": "2026-11-26T11:00:00.000Z",
    "ended_at": "2026-11-26T11:02:00.000Z",
    "alerts": [{"kind": "opened", "sent_at": "2026-11-26T11:00:00.400Z"}],
}
ROLLOUT = RunSeen(
    "run-1", "deploy", COUNTED, NOW, True, 40, verdicts=dict.fromkeys(COUNTED, "confirmed"), good=frozenset(COUNTED)
)
PROVISION = RunSeen(
    "run-0", "provision", COUNTED, NOW, True, 60, node_seconds=dict.fromkeys(COUNTED, 30.0), good=frozenset(COUNTED)
)
GO = Decision(milestone="M4", digest="a" * 64, word="go", person="johan", at=NOW, signature="")
SERVING = Health(status=200, certificate_ends=NOW + timedelta(days=60))


def address(name: str) -> IPv4Address:
    return IPv4Address("192.0.2.1") + NAMES.index(name)


def all_well() -> Seen:
    """The plan's fleet when everything is as it should be; uae is left out."""
    records = {name: NodeRecord(life=Life.LIVE, address=address(name)) for name in COUNTED}
    report = Report(milestone="M", title="", setting=(), started=NOW, ended=NOW, lines=(passed("line"),))
    return Seen(
        at=NOW,
        fleet=PLAN,
        inventory=Inventory(apex="virginia", nodes=records),
        checks=dict.fromkeys(COUNTED, WELL),
        monitors=dict.fromkeys(COUNTED, "up"),
        peers=19,
        units={"noc-watch.service": "active", "noc-agent.service": "active"},
        pages={"soc.clavitor.com": SERVING, "clavitor.com": SERVING},
        addresses={PLAN.hostname(PLAN.node(name)): (str(address(name)),) for name in COUNTED}
        | {"clavitor.com": (str(address("virginia")),)},
        runs=(ROLLOUT, PROVISION),
        incidents=[DEATH],
        decisions={"M4": GO},
        reports={"M3": report, "M6": report},
    )


def passed(name: str) -> Line:
    return Line(name=name, accepted_when="", verdict=Verdict.PASSED, summary="")


def lines(name: str, seen: Seen) -> dict[str, Line]:
    return {line.name: line for line in milestone(name).judge(seen)}


def found(name: str, line: str, seen: Seen) -> Verdict:
    return lines(name, seen)[line].verdict


def with_checks(node: str, **states: str) -> Seen:
    changed = {name.replace("_", " "): (state, "as seen") for name, state in states.items()}
    return replace(all_well(), checks={**all_well().checks, node: {**WELL, **changed}})


@pytest.mark.parametrize("name", MILESTONES)
def test_a_fleet_that_is_well_passes(name: str) -> None:
    assert [line.summary for line in milestone(name).judge(all_well()) if not line.passed] == []


@pytest.mark.parametrize("name", MILESTONES)
def test_a_fleet_of_which_nothing_is_known_passes_nothing_but_by_counting_nobody(name: str) -> None:
    nothing = Seen(at=NOW, fleet=PLAN, inventory=Inventory())
    assert not any(line.passed for line in milestone(name).judge(nothing))


def test_a_left_out_node_is_named_and_never_counted() -> None:
    summary = lines("M6", all_well())["Monitors"].summary
    assert summary.startswith("19 of 19 up, 1 left out: uae: me-central-1 offers no t4g")


def test_a_left_out_node_is_named_with_its_own_batch_alone() -> None:
    naming = [name for name, line in lines("M5", all_well()).items() if "uae" in line.summary]
    assert naming == ["Batch 3"]


def test_an_acceptance_that_is_over_counts_the_node_again() -> None:
    later = replace(all_well(), at=datetime(2027, 4, 1, tzinfo=UTC))
    assert found("M6", "Monitors", later) is Verdict.FAILED


def test_an_open_22_fails_the_ports() -> None:
    assert found("M6", "Ports", with_checks("paris", ports="failed")) is Verdict.FAILED


def test_a_scan_that_did_not_run_is_no_pass() -> None:
    assert found("M6", "Ports", with_checks("paris", ports="not run")) is Verdict.NOT_RUN


def test_a_batch_without_a_name_in_dns_fails() -> None:
    gone = {**all_well().addresses, "paris.clavitor.com": ()}
    assert found("M5", "Batch 2", replace(all_well(), addresses=gone)) is Verdict.FAILED


def test_a_name_that_leads_elsewhere_fails() -> None:
    elsewhere = {**all_well().addresses, "paris.clavitor.com": ("198.51.100.9",)}
    assert found("M5", "Batch 2", replace(all_well(), addresses=elsewhere)) is Verdict.FAILED


def test_a_batch_is_not_held_up_by_another() -> None:
    elsewhere = {**all_well().addresses, "paris.clavitor.com": ()}
    assert found("M5", "Batch 1", replace(all_well(), addresses=elsewhere)) is Verdict.PASSED


def test_activations_that_overlapped_fail_the_rollout() -> None:
    twice = replace(ROLLOUT, overlap="paris, london")
    assert found("M6", "Rolling deployment", replace(all_well(), runs=(twice,))) is Verdict.FAILED


def test_a_rollout_over_some_of_the_nodes_proves_nothing_of_all() -> None:
    some = replace(ROLLOUT, nodes=COUNTED[:5], good=frozenset(COUNTED[:5]))
    assert found("M6", "Rolling deployment", replace(all_well(), runs=(some,))) is Verdict.NOT_RUN


def test_a_death_that_nobody_was_told_of_fails() -> None:
    untold = {**DEATH, "alerts": []}
    assert found("M3", "Killed service", replace(all_well(), incidents=[untold])) is Verdict.FAILED


def test_a_death_that_was_told_of_too_late_fails() -> None:
    late = {**DEATH, "alerts": [{"kind": "opened", "sent_at": "2026-11-26T11:02:01.000Z"}]}
    assert found("M3", "Killed service", replace(all_well(), incidents=[late])) is Verdict.FAILED


def test_a_death_of_another_node_is_no_evidence() -> None:
    other = {**DEATH, "node": "paris"}
    assert found("M3", "Killed service", replace(all_well(), incidents=[other])) is Verdict.NOT_RUN


def test_a_slow_provisioning_fails_the_bound() -> None:
    slow = replace(PROVISION, node_seconds={"paris": 1300.0})
    assert found("M2", "Provisioning", replace(all_well(), runs=(slow,))) is Verdict.FAILED


def test_a_rollout_over_three_is_projected_onto_the_fleet() -> None:
    three = replace(ROLLOUT, nodes=COUNTED[:3], seconds=100)
    assert found("M2", "Fleet-wide deployment", replace(all_well(), runs=(three,))) is Verdict.FAILED


@pytest.mark.parametrize("name", ["M5", "M6", "M7"])
def test_without_a_person_s_decision_nothing_goes_on(name: str) -> None:
    assert found(name, "Decision on M4", replace(all_well(), decisions={})) is Verdict.NOT_RUN


def test_a_no_go_stands_in_the_way() -> None:
    refused = {"M4": GO.model_copy(update={"word": "no-go"})}
    assert found("M5", "Decision on M4", replace(all_well(), decisions=refused)) is Verdict.FAILED


def test_the_domain_has_to_lead_to_the_chosen_node() -> None:
    elsewhere = {**all_well().addresses, "clavitor.com": (str(address("paris")),)}
    assert found("M7", "Domain", replace(all_well(), addresses=elsewhere)) is Verdict.FAILED


def test_a_domain_that_is_led_to_several_nodes_may_lead_to_any_of_them() -> None:
    seen, nearest = all_well(), {**all_well().addresses, "clavitor.com": (str(address("paris")),)}
    led = seen.inventory.model_copy(update={"routed": ("virginia", "paris")})
    assert found("M7", "Domain", replace(seen, inventory=led, addresses=nearest)) is Verdict.PASSED


def test_no_other_milestone_is_known() -> None:
    with pytest.raises(NoMilestone):
        milestone("M8")


@given(st.sampled_from(COUNTED), st.sampled_from(CHECKS), st.sampled_from(["failed", "not run"]))
def test_no_check_that_is_not_ok_ever_passes_a_batch_or_the_fleet(node: str, check: str, state: str) -> None:
    seen = with_checks(node, **{check.replace(" ", "_"): state})
    batch = PLAN.node(node).batch
    judged = lines("M5", seen)[f"Batch {batch}"] if batch else lines("M3", seen)["Ports"]
    assert not judged.passed or (batch == 0 and check != "ports")
