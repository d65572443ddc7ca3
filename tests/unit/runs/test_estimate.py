"""How long a rollout takes, predicted: what has to hold for any history, any fleet, and any distance."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from noc.runs.plan.estimate import (
    ACTIVATE_S,
    PROVISION_S,
    RATE,
    SURVEY_S,
    Distance,
    History,
    Parts,
    estimate_provision,
    estimate_rollout,
    predict,
)
from noc.runs.plan.plan import Estimate, NodePlan, Rules
from noc.runs.rollout.prospect import in_waves

MIB = 2**20
RULES = Rules(soak=3, canary_soak=10)
NEAR = Distance(rtt_s=0.001, rate=100e6)
FAST = Parts(restart_s=0.4)


def rows(count: int, size: int = 15 * MIB, batch: int = 1) -> tuple[NodePlan, ...]:
    made = [NodePlan(node=f"node{n}", position=n + 1, state="change", bytes=size) for n in range(count)]
    return in_waves(made, batch)


def total(found: tuple[tuple[NodePlan, ...], Estimate]) -> float:
    return found[1].total_s


def test_without_a_history_an_estimate_says_that_it_is_assumed() -> None:
    told, estimate = estimate_rollout(rows(3), RULES, History(), 600)
    assert estimate.source == "no history: assumed"
    assert told[0].seconds == round(15 * MIB / RATE + ACTIVATE_S + 10, 3)


def test_a_rollout_takes_the_survey_the_first_nodes_staging_and_every_wave() -> None:
    history = History(surveys=(2.0,), activations={"node0": (1.0,)}, rates={"node0": (float(15 * MIB),)})
    _, estimate = estimate_rollout(rows(3), RULES, history, 600)
    assert (estimate.stage_s, estimate.activate_s, estimate.total_s) == (1.0, 3 * 1.0 + 10 + 3 + 3, 2.0 + 1.0 + 19.0)


def test_a_nodes_own_history_counts_for_it_and_the_fleets_for_one_without() -> None:
    history = History(activations={"node0": (1.0, 1.0, 9.0), "node1": (5.0,)}, rates={"node0": (1e12,)})
    told, estimate = estimate_rollout(rows(3), Rules(soak=1, canary_soak=1), history, 600)
    assert [round(row.seconds, 1) for row in told] == [2.0, 6.0, 4.0]
    assert estimate.source == "from 4 activations"


def test_nodes_of_one_wave_share_their_soak() -> None:
    history = History(activations={"node0": (1.0,)}, rates={"node0": (1e12,)})
    alone = estimate_rollout(rows(5), RULES, history, 600)[1].activate_s
    together = estimate_rollout(rows(5, batch=4), Rules(soak=3, canary_soak=10, batch=4), history, 600)[1].activate_s
    assert (alone, together) == (5 + 10 + 4 * 3, 5 + 10 + 3)


def test_four_nodes_are_staged_at_once_and_never_faster_than_the_uplink() -> None:
    history = History(rates={"node0": (float(15 * MIB),)})
    assert estimate_rollout(rows(8), RULES, history, 600)[1].stage_s == 2.0
    assert estimate_rollout(rows(8), RULES, replace(history, uplink=20.0 * MIB), 600)[1].stage_s == 6.0


def test_a_node_that_is_not_staged_when_its_turn_has_come_is_waited_for() -> None:
    history = History(
        surveys=(1.0,), activations={"node0": (1.0,)}, rates={"node0": (1e12,), "node1": (15 * MIB / 60,)}
    )
    _, estimate = estimate_rollout(rows(2), RULES, history, 600)
    assert (estimate.stage_s, estimate.total_s) == (60.0, 1 + 60 + 1 + 3)


def test_nodes_that_stay_as_they_are_take_no_time() -> None:
    same = tuple(row.model_copy(update={"state": "unchanged"}) for row in rows(3))
    told, estimate = estimate_rollout(same, RULES, History(), 600)
    assert ({row.seconds for row in told}, estimate.total_s) == ({0}, SURVEY_S)


def test_a_provisioning_is_held_against_the_slowest_node() -> None:
    estimate = estimate_provision(["slow", "other"], History(provisions={"slow": (100.0,)}), 1200)
    assert (estimate.activate_s, estimate.source) == (100.0, "from 1 provisioning")
    many = estimate_provision([f"n{number}" for number in range(9)], History(), 1200)
    assert (many.activate_s, many.total_s) == (PROVISION_S, 2 * PROVISION_S)


def test_a_fleet_far_away_is_predicted_from_what_was_measured_near() -> None:
    far = Distance(rtt_s=0.2, rate=1e6)
    parts = Parts(restart_s=0.4, work_s=0.2, survey_trips=8, stage_trips=3, activate_trips=5)
    estimate = predict(parts, far, RULES, nodes=20, bytes_each=15_000_000, bound_s=600)
    assert estimate.activate_s == round(20 * (0.4 + 0.2 + 5 * 0.2) + 10 + 19 * 3, 3)
    assert estimate.stage_s == round(5 * (15 + 3 * 0.2), 3)
    assert estimate.total_s < estimate.bound_s


positive = st.floats(0.01, 100)


@settings(max_examples=40)
@given(st.integers(1, 40), st.integers(0, 50 * MIB), st.integers(0, 50 * MIB), st.integers(1, 8))
def test_more_bytes_never_take_less_time(nodes: int, size: int, more: int, batch: int) -> None:
    rules = Rules(batch=batch)
    little = total(estimate_rollout(rows(nodes, size, batch), rules, History(), 600))
    assert total(estimate_rollout(rows(nodes, size + more, batch), rules, History(), 600)) >= little


@settings(max_examples=40)
@given(st.integers(0, 40), st.integers(1, 8), st.lists(positive, min_size=1, max_size=41))
def test_another_node_never_takes_less_time(nodes: int, batch: int, seconds: list[float]) -> None:
    rules = Rules(batch=batch)
    history = History(activations={f"node{n}": (each,) for n, each in enumerate(seconds)}, uplink=1e7)
    fewer = total(estimate_rollout(rows(nodes, batch=batch), rules, history, 600))
    assert total(estimate_rollout(rows(nodes + 1, batch=batch), rules, history, 600)) >= fewer


@settings(max_examples=40)
@given(
    nodes=st.integers(0, 60),
    size=st.integers(0, 100 * MIB),
    rtt=st.floats(0, 1),
    soak=st.floats(0.1, 60),
    batch=st.integers(1, 10),
    more=st.tuples(st.integers(0, 20), st.integers(0, 100 * MIB), st.floats(0, 1), st.floats(0, 60)),
)
def test_more_nodes_bytes_distance_or_soak_never_shorten_what_is_predicted(
    *, nodes: int, size: int, rtt: float, soak: float, batch: int, more: tuple[int, int, float, float]
) -> None:
    def seconds(nodes: int, size: int, rtt: float, soak: float) -> float:
        rules = Rules(batch=batch, soak=soak, canary_soak=soak)
        return predict(FAST, replace(NEAR, rtt_s=rtt), rules, nodes=nodes, bytes_each=size, bound_s=600).total_s

    least = seconds(nodes, size, rtt, soak)
    assert seconds(nodes + more[0], size, rtt, soak) >= least
    assert seconds(nodes, size + more[1], rtt, soak) >= least
    assert seconds(nodes, size, rtt + more[2], soak) >= least
    assert seconds(nodes, size, rtt, soak + more[3]) >= least
