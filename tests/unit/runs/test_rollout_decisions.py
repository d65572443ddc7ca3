"""The rules of a rollout, over every pattern of what its steps may come to."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noc.runs.plan.plan import Rules
from noc.runs.record.events import RESUMED, Event, State
from noc.runs.rollout.decision import Act, decide, upcoming
from noc.runs.rollout.phases import DOWN, FAILED, HALTED, NOT_BEGUN, SWITCHING, Phase, Step
from noc.runs.rollout.rollout import Rollout, advance, fold, order_name

NODES = ("a", "b", "c", "d", "e")
ENDINGS: Mapping[Step, tuple[str, ...]] = {
    Step.PREFLIGHT: ("ok", "ok", "ok", "ok", "ok", "skipped", "failed", DOWN),
    Step.STAGE: ("ok", "ok", "skipped", "failed", DOWN),
    Step.ACTIVATE: ("ok", "ok", "ok", "skipped", "failed", DOWN),
    Step.PROVE: ("ok", "ok", "ok", "failed"),
    Step.SOAK: ("ok", "ok", "ok", "failed"),
    Step.CONFIRM: ("ok", "ok", "ok", "failed"),
    Step.REVERT: ("ok", "ok", "failed"),
    Step.PROVE_OLD: ("ok", "ok", "failed"),
    Step.ADOPT: ("ok", "skipped", "failed"),
    Step.WAIT: ("ok", "skipped"),
}
Pattern = Mapping[tuple[str, Step], str]

patterns = st.fixed_dictionaries({(node, step): st.sampled_from(ENDINGS[step]) for node in NODES for step in ENDINGS})
rules = st.builds(
    Rules,
    batch=st.integers(1, 4),
    max_failures=st.integers(0, 2),
    on_failure=st.sampled_from(("stop", "rollback-fleet")),
    down=st.sampled_from(("skip", "wait", "refuse")),
)
good_rollbacks = patterns.map(
    lambda pattern: {
        place: "ok" if place[1] in (Step.REVERT, Step.PROVE_OLD, Step.ADOPT) else ending
        for place, ending in pattern.items()
    }
)


def event(node: str | None, step: str, outcome: str, **detail: Any) -> Event:
    state = State(outcome) if outcome in set(State) else State.SKIPPED
    detail = detail if state == outcome else {**detail, "outcome": outcome}
    return Event(seq=1, at=datetime.now(UTC), run="r", node=node, step=step, state=state, detail=detail)


class Play:
    """A rollout carried out: every step that may be taken is, one record at a time, in an order that is drawn."""

    def __init__(self, pattern: Pattern, rules: Rules, choices: list[int], stop_after: int = 1000) -> None:
        self.pattern, self.choices, self.stop_after = pattern, choices, stop_after
        self.rollout = Rollout.begin(NODES, rules)
        self.records: list[Event] = []
        self.busy: dict[str, Act] = {}
        self.acts: list[Act] = []
        self.states: list[Rollout] = []

    def take(self, record: Event) -> None:
        self.records.append(record)
        self.rollout = advance(self.rollout, record)
        self.states.append(self.rollout)

    def begin(self, act: Act) -> None:
        self.acts.append(act)
        if act.node is None:
            self.take(event(None, act.step, "progress", number=self.rollout.number + 1, nodes=list(act.nodes)))
        else:
            self.busy[act.node] = act
            standing = self.rollout.nodes[act.node]
            self.take(event(act.node, act.step, "started", order=order_name("r", standing.orders)))

    def end(self, node: str) -> None:
        step = self.busy.pop(node).step
        outcome = self.pattern[node, step]
        if step in (Step.PROVE, Step.SOAK) and self.rollout.called_off(node):
            outcome = HALTED
        if step is Step.ACTIVATE and self.rollout.stopping and outcome == DOWN:
            outcome = NOT_BEGUN
        self.take(event(node, step, outcome))

    def step(self) -> bool:
        """One record more; False at the end."""
        self.rollout = replace(self.rollout, stopping=len(self.acts) >= self.stop_after)
        for act in decide(self.rollout, frozenset(self.busy)):
            self.begin(act)
            if act.node is None:
                return True
        if not self.busy:
            return False
        choice = self.choices[len(self.records) % len(self.choices)] if self.choices else 0
        self.end(sorted(self.busy)[choice % len(self.busy)])
        assert len(self.records) < 500, "a rollout has an end"
        return True

    def play(self, records: int = 1000) -> "Play":
        while len(self.records) < records and self.step():
            pass
        return self

    @property
    def switched(self) -> list[str]:
        return [act.nodes[0] for act in self.acts if act.step is Step.ACTIVATE]


plays = st.builds(Play, patterns, rules, st.lists(st.integers(0, 5), max_size=10))
stopped = st.builds(Play, patterns, rules, st.lists(st.integers(0, 5), max_size=10), st.integers(0, 40))
ENDS = {phase.value for phase in FAILED} | {
    "confirmed", "unchanged", "turned-back", "skipped", "halted", "untouched"
}  # fmt: skip


@given(stopped)
def test_every_node_ends_with_a_verdict_and_none_is_left_in_hand(play: Play) -> None:
    rollout = play.play().rollout
    assert {rollout.verdict(node) for node in NODES} <= ENDS
    assert not rollout.in_hand


@given(st.builds(Play, good_rollbacks, rules, st.just([]), st.integers(0, 40)))
def test_where_rollbacks_work_a_node_is_on_one_release_or_the_other(play: Play) -> None:
    rollout = play.play().rollout
    assert not rollout.at(Phase.ROLLBACK_FAILED)


@given(stopped)
def test_activations_never_overlap(play: Play) -> None:
    play.play()
    for state in play.states:
        fresh = [name for name in state.at(*SWITCHING) if state.nodes[name].phase not in (Phase.SICK, Phase.REVERTED)]
        assert len(fresh) <= 1


@given(stopped)
def test_with_a_batch_of_one_only_one_node_is_in_hand(play: Play) -> None:
    play.rollout = replace(play.rollout, rules=play.rollout.rules.model_copy(update={"batch": 1}))
    play.play()
    assert all(len(state.in_hand) <= 1 for state in play.states)


@given(stopped)
def test_no_node_is_activated_again_once_it_is_confirmed_but_to_return_it(play: Play) -> None:
    play.play()
    returned = play.rollout.at(Phase.TURNED_BACK, Phase.KEPT)
    for node in NODES:
        begun = play.switched.count(node)
        assert begun <= 1 + (node in returned or play.rollout.returning) + play.rollout.nodes[node].waited


@given(plays)
def test_nothing_is_begun_once_too_many_have_failed(play: Play) -> None:
    while play.rollout.failures <= play.rollout.rules.max_failures and play.step():
        pass
    begun = len(play.switched)
    play.play()
    forward = play.switched[begun:]
    assert forward == [] or play.rollout.returning


@given(plays)
def test_failures_never_exceed_what_may_fail_by_more_than_a_batch(play: Play) -> None:
    rollout = play.play().rollout
    touched = [name for name in rollout.nodes if rollout.nodes[name].failing and name in play.switched]
    assert len(touched) <= rollout.rules.max_failures + rollout.rules.batch


@given(stopped)
def test_the_order_of_the_plan_holds(play: Play) -> None:
    play.play()
    late = {name for name in NODES if play.rollout.nodes[name].waited}
    forward = [name for name in dict.fromkeys(play.switched) if name not in late]
    assert forward == sorted(forward)


@given(stopped)
def test_no_second_node_is_touched_before_one_is_confirmed_or_has_ended(play: Play) -> None:
    play.play()
    for state in play.states:
        assert len(state.in_hand) <= 1 or not any(map(state.is_canary, state.in_hand))


@given(plays)
def test_no_node_is_touched_before_every_node_was_asked(play: Play) -> None:
    play.play()
    steps = [act.step for act in play.acts if not (act.node and play.rollout.nodes[act.node].waited)]
    if Step.ACTIVATE in steps:
        assert Step.PREFLIGHT not in steps[steps.index(Step.ACTIVATE) :]


@given(plays)
def test_no_node_is_touched_before_it_and_all_before_it_were_staged(play: Play) -> None:
    for state in play.play().states:
        for name in state.at(Phase.ACTIVATING):
            earlier = NODES[: NODES.index(name)]
            assert state.nodes[name].returning or not {state.nodes[other].phase for other in earlier} & {Phase.READY}


def test_a_node_that_was_down_in_its_wave_overtakes_nobody_who_was_down_too() -> None:
    pattern = dict.fromkeys(((n, s) for n in NODES for s in ENDINGS), "ok")
    pattern |= {("c", Step.STAGE): DOWN, ("d", Step.ACTIVATE): DOWN, ("e", Step.ACTIVATE): DOWN}
    for state in Play(pattern, Rules(down="wait"), [0, 0, 2]).play().states:
        assert not (state.at(Phase.ACTIVATING) == ("e",) and state.nodes["c"].phase is Phase.READY)


def test_a_node_is_activated_while_later_ones_are_still_staged() -> None:
    pattern = dict.fromkeys(((n, s) for n in NODES for s in ENDINGS), "ok")
    first = next(state for state in Play(pattern, Rules(), []).play().states if state.at(Phase.ACTIVATING))
    assert (first.at(Phase.ACTIVATING), first.at(Phase.READY)) == (("a",), ("b", "c", "d", "e"))


def test_a_node_that_cannot_be_staged_ends_a_rollout_that_has_begun_as_any_failure_does() -> None:
    pattern = dict.fromkeys(((n, s) for n in NODES for s in ENDINGS), "ok") | {("c", Step.STAGE): "failed"}
    for allowed, words in (
        (0, ["confirmed", "halted", "refused", "untouched", "untouched"]),
        (1, ["confirmed", "confirmed", "refused", "confirmed", "confirmed"]),
    ):
        play = Play(pattern, Rules(max_failures=allowed), [])
        while play.rollout.nodes["b"].phase is not Phase.ACTIVATED:
            assert play.step()
        play.end("c")
        assert [play.play().rollout.verdict(name) for name in NODES] == words


@given(plays)
def test_a_node_that_cannot_take_the_change_keeps_all_from_it(play: Play) -> None:
    play.play()
    first = [act for act in play.acts if act.step is Step.PREFLIGHT][: len(NODES)]
    if any(play.pattern[act.nodes[0], Step.PREFLIGHT] == "failed" for act in first):
        assert not play.switched
        assert Step.STAGE not in {act.step for act in play.acts}


@given(stopped)
def test_what_is_confirmed_was_proven_and_soaked_or_says_so_itself(play: Play) -> None:
    play.play()
    for node in play.rollout.at(Phase.CONFIRMED):
        ends = {(record.step, record.state) for record in play.records if record.node == node}
        assert {("prove", "ok"), ("soak", "ok"), ("confirm", "ok")} <= ends or ("revert", "skipped") in ends


@given(stopped)
def test_after_a_stop_nothing_is_begun_and_what_goes_back_was_not_proven(play: Play) -> None:
    play.play()
    late = play.acts[play.stop_after + len(NODES) :]
    assert not {Step.ACTIVATE, Step.STAGE, Step.PREFLIGHT, Step.WAVE, Step.ROLLBACK_FLEET} & {act.step for act in late}


@given(plays)
def test_a_fleet_that_is_returned_goes_back_the_newest_first(play: Play) -> None:
    rollout = play.play().rollout
    if rollout.returning:
        back = next(act.nodes for act in play.acts if act.step is Step.ROLLBACK_FLEET)
        assert back == tuple(reversed(rollout.confirmed))
        assert play.switched[-len(back) :] == list(back)
        assert (
            not rollout.at(Phase.CONFIRMED)
            or rollout.stopping
            or "skipped" in {record.state for record in play.records if record.step == "revert"}
        )


@given(plays, st.integers(0, 120), plays)
def test_a_rollout_that_is_cut_at_any_record_goes_on_to_an_end(play: Play, cut: int, rest: Play) -> None:
    play.play(cut)
    before = {name for name in NODES if play.rollout.nodes[name].phase is Phase.CONFIRMED}
    orders = {str(record.detail["order"]) + str(record.node) for record in play.records if "order" in record.detail}
    rest.rollout = fold(Rollout.begin(NODES, play.rollout.rules), play.records)
    assert rest.rollout.nodes == play.rollout.nodes
    rest.rollout = advance(rest.rollout, event(None, RESUMED, "started"))
    rest.pattern = {place: "skipped" if place[1] is Step.PREFLIGHT and place[0] in before else ending
                    for place, ending in rest.pattern.items()}  # fmt: skip
    rest.play()
    assert not rest.rollout.in_hand
    again = {str(record.detail["order"]) + str(record.node) for record in rest.records if "order" in record.detail}
    assert not orders & again, "a name of an activation is given once"
    forward = [act.nodes[0] for act in rest.acts if act.step is Step.ACTIVATE]
    assert rest.rollout.returning or not before & set(forward)


def test_what_is_activated_next_can_be_made_ready_ahead() -> None:
    # The last of those that are busy ends first, so that all are staged when the first is activated.
    play = Play(dict.fromkeys(((n, s) for n in NODES for s in ENDINGS), "ok"), Rules(batch=2), [-1])
    seen = []
    while play.step():
        if play.rollout.in_hand and (ahead := upcoming(play.rollout)):
            seen.append(ahead)
    assert list(dict.fromkeys(seen)) == ["b", "c", "d", "e"]


def test_what_follows_a_node_is_made_ready_from_the_moment_that_one_is_begun() -> None:
    rollout = Rollout.begin(NODES, Rules())
    for name in NODES:
        rollout = advance(advance(rollout, event(name, Step.PREFLIGHT, "ok")), event(name, Step.STAGE, "ok"))
    assert (upcoming(rollout), upcoming(rollout, frozenset({"a"}))) == ("a", "b")


def test_waves_are_the_canary_and_then_batches() -> None:
    play = Play(dict.fromkeys(((n, s) for n in NODES for s in ENDINGS), "ok"), Rules(batch=3), []).play()
    assert [act.nodes for act in play.acts if act.step is Step.WAVE] == [("a",), ("b", "c", "d"), ("e",)]


REGIONS = {"a": "europe", "b": "europe", "c": "europe", "d": "asia", "e": "asia"}


def by_region(pattern: Pattern, **rules: Any) -> Play:
    play = Play(pattern, Rules(waves="region", **rules), [])
    play.rollout = replace(play.rollout, regions=REGIONS)
    return play.play()


def test_each_region_begins_with_a_canary_of_its_own_and_no_wave_has_nodes_of_two() -> None:
    play = by_region(dict.fromkeys(((n, s) for n in NODES for s in ENDINGS), "ok"), batch=5)
    assert [act.nodes for act in play.acts if act.step is Step.WAVE] == [("a",), ("b", "c"), ("d",), ("e",)]


def test_a_regions_canary_that_failed_is_followed_by_another_of_that_region() -> None:
    pattern = dict.fromkeys(((n, s) for n in NODES for s in ENDINGS), "ok") | {("d", Step.PROVE): "failed"}
    play = by_region(pattern, batch=5, max_failures=1)
    assert [act.nodes for act in play.acts if act.step is Step.WAVE] == [("a",), ("b", "c"), ("d",), ("e",)]
    assert next(state.is_canary("e") for state in play.states if state.wave == ("e",))


@given(plays)
def test_no_second_node_of_a_region_is_touched_before_one_of_it_is_confirmed(play: Play) -> None:
    play.rollout = replace(play.rollout, regions=REGIONS)
    for state in play.play().states:
        canaries = [name for name in state.in_hand if state.is_canary(name)]
        assert not canaries or len(state.in_hand) == 1


def test_a_canary_that_failed_within_what_may_fail_is_followed_by_another() -> None:
    pattern = {(node, step): "ok" for node in NODES for step in ENDINGS} | {("a", Step.PROVE): "failed"}
    play = Play(pattern, Rules(batch=3, max_failures=1), []).play()
    assert [act.nodes for act in play.acts if act.step is Step.WAVE] == [("a",), ("b",), ("c", "d", "e")]


@pytest.mark.parametrize(
    ("down", "word", "others"), [("skip", "skipped", "confirmed"), ("refuse", "blocked", "untouched")]
)
def test_a_node_that_is_down_is_skipped_or_keeps_the_run_from_beginning(down: Any, word: str, others: str) -> None:
    pattern = {(node, step): "ok" for node in NODES for step in ENDINGS} | {("b", Step.PREFLIGHT): DOWN}
    rollout = Play(pattern, Rules(down=down), []).play().rollout
    assert [rollout.verdict(name) for name in NODES] == [others, word, others, others, others]


@pytest.mark.parametrize(("wait", "word"), [("ok", "skipped"), ("skipped", "skipped")])
def test_a_node_that_is_waited_for_comes_last_and_is_waited_for_once(wait: str, word: str) -> None:
    pattern = {(node, step): "ok" for node in NODES for step in ENDINGS}
    play = Play(pattern | {("b", Step.PREFLIGHT): DOWN, ("b", Step.WAIT): wait}, Rules(down="wait"), []).play()
    assert play.rollout.verdict("b") == word
    assert [act.step for act in play.acts].count(Step.WAIT) == 1
    waited = [act.step for act in play.acts].index(Step.WAIT)
    assert Step.ACTIVATE not in [act.step for act in play.acts[waited:]]


def test_in_a_rollback_a_node_that_cannot_go_back_keeps_no_other_from_it() -> None:
    pattern = {(node, step): "ok" for node in NODES for step in ENDINGS} | {("a", Step.PREFLIGHT): "failed"}
    play = Play(pattern, Rules(), [])
    play.rollout = replace(play.rollout, lenient=True)
    assert [play.play().rollout.verdict(name) for name in NODES] == ["blocked", *["confirmed"] * 4]


def test_a_rollback_in_hand_is_finished_when_the_run_is_stopped() -> None:
    pattern = {(node, step): "ok" for node in NODES for step in ENDINGS}
    play = Play(pattern, Rules(), [], stop_after=12)
    play.rollout = replace(play.rollout, lenient=True)
    rollout = play.play().rollout
    assert rollout.verdict("a") == "confirmed"
    assert not rollout.at(Phase.HALTED)
