"""The rules of a rollout, over every pattern of what its steps may come to."""

from collections.abc import Mapping
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from noc.runs.record.events import Event, State
from noc.runs.rollout.rollout import FAILED, IN_HAND, Act, Phase, Rollout, Step, advance, decide

NODES = ("a", "b", "c", "d")
ENDINGS = {
    Step.PREFLIGHT: (State.OK, State.OK, State.OK, State.SKIPPED, State.FAILED),
    Step.STAGE: (State.OK, State.SKIPPED, State.FAILED),
    Step.ACTIVATE: (State.OK, State.OK, State.SKIPPED, State.FAILED),
    Step.PROVE: (State.OK, State.OK, State.FAILED),
    Step.CONFIRM: (State.OK, State.OK, State.FAILED),
    Step.REVERT: (State.OK, State.OK, State.FAILED),
    Step.PROVE_OLD: (State.OK, State.OK, State.FAILED),
}
Pattern = Mapping[tuple[str, Step], State]

patterns = st.fixed_dictionaries({(node, step): st.sampled_from(ENDINGS[step]) for node in NODES for step in Step})
good_rollbacks = patterns.map(
    lambda pattern: {
        place: State.OK if place[1] in (Step.REVERT, Step.PROVE_OLD) else state for place, state in pattern.items()
    }
)


def event(node: str, step: Step, state: State) -> Event:
    return Event(seq=1, at=datetime.now(UTC), run="r", node=node, step=step.value, state=state)


def play(pattern: Pattern, stop_after: int = 1000) -> tuple[Rollout, list[Act]]:
    """Carry a rollout out, each step ending as the pattern says; asked to stop after a number of acts."""
    rollout, acts = Rollout.begin(NODES), list[Act]()
    while True:
        rollout = Rollout(rollout.phases, stopping=len(acts) >= stop_after)
        act = decide(rollout)
        if act is None:
            return rollout, acts
        acts.append(act)
        assert len(acts) < 100, "a rollout has an end"
        for node in act.nodes:
            rollout = advance(rollout, event(node, act.step, State.STARTED))
            assert len(rollout.at(*IN_HAND)) <= 1, "activations overlap"
            rollout = advance(rollout, event(node, act.step, pattern[node, act.step]))


def touched(acts: list[Act]) -> list[str]:
    return [act.nodes[0] for act in acts if act.step is Step.ACTIVATE]


@given(good_rollbacks)
def test_every_node_ends_confirmed_unchanged_turned_back_or_untouched(pattern: Pattern) -> None:
    rollout, _ = play(pattern)
    ends = {"confirmed", "unchanged", "rolled-back", "untouched", "refused", "blocked"}
    assert {rollout.verdict(node) for node in NODES} <= ends


@given(patterns)
def test_after_the_first_failure_no_further_node_is_touched(pattern: Pattern) -> None:
    rollout, acts = play(pattern)
    for failed in rollout.at(*FAILED):
        assert failed not in touched(acts)[:-1]


@given(patterns)
def test_nodes_are_activated_in_the_order_of_the_plan(pattern: Pattern) -> None:
    _, acts = play(pattern)
    assert touched(acts) == sorted(touched(acts))


@given(patterns)
def test_no_node_is_touched_before_every_node_is_staged(pattern: Pattern) -> None:
    _, acts = play(pattern)
    steps = [act.step for act in acts]
    if Step.ACTIVATE in steps:
        assert steps.index(Step.ACTIVATE) > steps.index(Step.STAGE) > steps.index(Step.PREFLIGHT)


@given(patterns)
def test_a_node_is_confirmed_only_after_it_was_proven(pattern: Pattern) -> None:
    rollout, _ = play(pattern)
    for node in rollout.at(Phase.CONFIRMED):
        assert pattern[node, Step.PROVE] is State.OK


@given(patterns, st.integers(min_value=0, max_value=25))
def test_a_rollout_that_is_stopped_leaves_no_node_in_hand(pattern: Pattern, stop_after: int) -> None:
    rollout, acts = play(pattern, stop_after)
    assert not rollout.at(*IN_HAND)
    assert not [act for act in acts[stop_after:] if act.step in (Step.ACTIVATE, Step.STAGE, Step.PREFLIGHT)]


@given(patterns, st.integers(min_value=0, max_value=60))
def test_a_rollout_that_is_cut_at_any_record_goes_on_without_a_second_activation(pattern: Pattern, cut: int) -> None:
    rollout, records = Rollout.begin(NODES), list[Event]()
    while (act := decide(rollout)) is not None and len(records) < cut:
        for node in act.nodes:
            records += [event(node, act.step, State.STARTED), event(node, act.step, pattern[node, act.step])]
            for record in records[-2:]:
                rollout = advance(rollout, record)
    resumed = Rollout.begin(NODES)
    for record in records[:cut]:
        resumed = advance(resumed, record)
    act = decide(resumed)
    if resumed.at(*IN_HAND):
        assert act is not None
        assert act.nodes == resumed.at(*IN_HAND)
        assert act.step is not Step.ACTIVATE
