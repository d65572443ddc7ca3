from collections.abc import Mapping
from datetime import UTC, datetime
from ipaddress import IPv4Address
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noc.fleet.inventory import Inventory, Life, NodeRecord
from noc.runs.admission.risk import RANK, risk
from noc.runs.plan.plan import Options, Plan

ONE, TWO = ("virginia",), ("virginia", "frankfurt")
HERE, THERE = IPv4Address("192.0.2.10"), IPv4Address("192.0.2.99")
PIN = "SHA256:" + "A" * 43


def plan(action: str, nodes: tuple[str, ...] = ONE, **more: Any) -> Plan:
    return Plan.model_validate({"action": action, "nodes": nodes, "created": datetime(2026, 3, 1, tzinfo=UTC), **more})


def inventory(life: Life) -> Inventory:
    return Inventory(nodes={"virginia": NodeRecord(life=life, address=HERE)})


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (plan("deploy"), "low"),
        (plan("deploy", TWO), "medium"),
        (plan("deploy", configuration=True), "medium"),
        (plan("deploy", TWO, configuration=True), "high"),
        (plan("deploy", system=True), "medium"),
        (plan("deploy", TWO, system=True), "high"),
        (plan("deploy", options=Options(restore_data=True)), "high"),
        (plan("launch"), "medium"),
        (plan("opt-in"), "medium"),
        (plan("adopt"), "low"),
        (plan("terminate"), "high"),
        (plan("remove"), "high"),
        (plan("drill"), "high"),
        (plan("drill", lab=True), "low"),
        (plan("rotate", options=Options(secret="push-token")), "medium"),
        (plan("rotate", TWO, options=Options(secret="push-token")), "medium"),
        *((plan("rotate", options=Options(secret=each)), "high") for each in ("hub", "ssh", "ca")),
        *((plan("rotate", options=Options(secret=each)), "high") for each in ("signer", "recipients")),
        (plan("restore"), "high"),
        (plan("replace"), "high"),
        (plan("rollback"), "low"),
        (plan("rollback", TWO), "low"),
        (plan("rollback", options=Options(restore_data=True)), "high"),
        (plan("rollback", options=Options(override_freeze="it burns")), "high"),
        (plan("keygen"), "low"),
        (plan("keygen", TWO), "medium"),
    ],
    ids=lambda value: value if isinstance(value, str) else value.label(),
)
def test_the_table_says_the_risk(made: Plan, expected: str) -> None:
    assert risk(made, Inventory()) == expected


@pytest.mark.parametrize(
    ("life", "options", "expected"),
    [
        (Life.PLANNED, {"address": {"virginia": THERE}, "host_key": {"virginia": PIN}}, "low"),
        (Life.LIVE, {}, "low"),
        (Life.LIVE, {"address": {"virginia": HERE}}, "low"),
        (Life.LIVE, {"address": {"virginia": THERE}}, "high"),
        (Life.LIVE, {"host_key": {"virginia": PIN}}, "high"),
    ],
)
def test_another_machine_in_the_place_of_a_live_node_is_high(
    life: Life, options: Mapping[str, Any], expected: str
) -> None:
    assert risk(plan("provision", options=Options(**options)), inventory(life)) == expected


@given(
    action=st.sampled_from(["deploy", "rollback", "provision", "keygen"]),
    configuration=st.booleans(),
    restore=st.booleans(),
    claimed=st.sampled_from(sorted(RANK)),
)
def test_more_nodes_are_never_less_risk_and_what_a_plan_claims_counts_for_nothing(
    action: str, configuration: bool, restore: bool, claimed: str
) -> None:
    one, two = (
        plan(action, nodes, configuration=configuration, options=Options(restore_data=restore), risk=claimed)
        for nodes in (ONE, TWO)
    )
    assert RANK[risk(one, Inventory())] <= RANK[risk(two, Inventory())]
    assert risk(one.model_copy(update={"risk": "low"}), Inventory()) == risk(one, Inventory())
