"""How a rollout decides what may be done now. Pure: its state comes from the journal's records, see `rollout`.

The order. Every node is asked first; a node that cannot take the change keeps the whole rollout from beginning. Then
all are staged side by side, in their order, and a node is activated as soon as it and all before it are staged, while
those behind it still are: a node whose turn has come and that is not staged yet is waited for, never overtaken. The
first goes alone, as the canary, with the longer soak; until one node is confirmed, each further one is a canary again.
After that come waves of `batch` nodes. Where nodes are taken region by region, each region has a canary of its own, and
no wave has nodes of two. Within a wave nodes are switched one after the other too, from the order to activate until
both sides have seen the new process: activations never overlap. What a wave of several shares is the time after that:
while one node soaks, the next is switched. With a batch of 1 a node is confirmed before the next is touched. Nodes that
were down and are waited for come last.

A node that cannot be staged is a failure like any other, or down like any other, also when others have been activated
by then: it falls out of its wave, and the rules say whether the rollout goes on.

The end. More than `max_failures` failures end the rollout, and so does the wish to stop: nodes in hand that are not
proven go back (`halted`: nothing was wrong with them), proven ones are confirmed, rollbacks are finished, nothing is
begun. With `rollback-fleet` a rollout that failed (not one that was stopped) then returns the nodes that it had
confirmed, the newest first, each through the same steps, to what it ran before. In a rollback a node in hand is
finished though the run is stopped, a node that has nothing to go back to keeps no other from it, and the fleet is not
returned.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from noc.runs.rollout.phases import NEXT, SWITCHING, Phase, Step
from noc.runs.rollout.rollout import Rollout


@dataclass(frozen=True)
class Act:
    """What may be done next: a step on one node, or one of the run as a whole, which names the nodes it concerns."""

    step: Step
    nodes: tuple[str, ...]

    @property
    def node(self) -> str | None:
        """The node that takes the step; None where it is the run's own."""
        return None if self.step in (Step.WAVE, Step.ROLLBACK_FLEET) else self.nodes[0]


def decide(rollout: Rollout, busy: frozenset[str] = frozenset()) -> tuple[Act, ...]:
    """What may be done now, all of it at once; nothing, with nobody busy, when the rollout has ended.

    Args:
        rollout: how it stands.
        busy: nodes on which a step is under way.
    """
    acts = tuple(
        Act(NEXT[standing.phase], (name,))
        for name, standing in rollout.nodes.items()
        if standing.in_hand and name not in busy and standing.phase in NEXT
    )
    return acts + next(filter(None, (source(rollout, busy) for source in _sources(rollout))), ())


_Source = Callable[[Rollout, frozenset[str]], tuple[Act, ...]]


def _sources(rollout: Rollout) -> tuple[_Source, ...]:
    """Where acts on nodes that are not in hand come from, the first that has any."""
    if rollout.stopping:
        return ()
    return (_return,) if rollout.failed else (_ask, _stage, _switch, _wait)


def _each(step: Step, names: Iterable[str], busy: frozenset[str]) -> tuple[Act, ...]:
    return tuple(Act(step, (name,)) for name in names if name not in busy)


def _ask(rollout: Rollout, busy: frozenset[str]) -> tuple[Act, ...]:
    return _each(Step.PREFLIGHT, rollout.at(Phase.PLANNED), busy)


def _stage(rollout: Rollout, busy: frozenset[str]) -> tuple[Act, ...]:
    return () if rollout.at(Phase.PLANNED) else _each(Step.STAGE, rollout.at(Phase.READY), busy)


def _switch(rollout: Rollout, busy: frozenset[str]) -> tuple[Act, ...]:
    """The next node of the wave, or the next wave once the present one has ended."""
    following = _following(rollout)
    if following is None or following in busy or rollout.at(Phase.PLANNED, *SWITCHING):
        return ()
    if following in rollout.wave:
        return (Act(Step.ACTIVATE, (following,)),)
    if rollout.in_hand:
        return ()
    return (Act(Step.WAVE, _next_wave(rollout, following)),)


def _next_wave(rollout: Rollout, first: str) -> tuple[str, ...]:
    """The first node alone while it is a canary, else a batch of those of its region that are still to come."""
    own = rollout.regions.get(first)
    coming = [name for name in _coming(rollout) if rollout.regions.get(name) == own]
    return tuple(coming[: 1 if rollout.is_canary(first) else rollout.rules.batch])


def _coming(rollout: Rollout) -> tuple[str, ...]:
    """The nodes that are still to be activated, in order, staged or not yet."""
    return rollout.at(Phase.READY, Phase.STAGED)


def _following(rollout: Rollout, begun: frozenset[str] = frozenset()) -> str | None:
    """The node whose turn is next: the first in order that is still to come. None where it is not staged yet.

    Args:
        rollout: how it stands.
        begun: nodes whose turn has come, and of which no record tells yet.
    """
    following = next((name for name in _coming(rollout) if name not in begun), None)
    return following if following in rollout.at(Phase.STAGED) else None


def _wait(rollout: Rollout, busy: frozenset[str]) -> tuple[Act, ...]:
    """Nodes that are down are waited for when nothing else is left to do."""
    others = rollout.in_hand or rollout.at(Phase.PLANNED, Phase.READY, Phase.STAGED)
    return () if others else _each(Step.WAIT, rollout.at(Phase.DOWN), busy)


def _return(rollout: Rollout, busy: frozenset[str]) -> tuple[Act, ...]:
    """The way back of the fleet: one node after the other, the one that was confirmed last first."""
    left = [name for name in reversed(rollout.confirmed) if rollout.nodes[name].phase is Phase.CONFIRMED]
    wanted = rollout.rules.on_failure == "rollback-fleet" and not rollout.lenient
    if not wanted or not left or rollout.in_hand or busy:
        return ()
    if not rollout.returning:
        return (Act(Step.ROLLBACK_FLEET, tuple(left)),)
    return (Act(Step.ACTIVATE, (left[0],)),)


def upcoming(rollout: Rollout, busy: frozenset[str] = frozenset()) -> str | None:
    """The node that is activated next if all goes well, so that it can be made ready before its turn.

    Args:
        rollout: how it stands.
        busy: nodes on which a step is under way; one of them that is staged is about to be activated.
    """
    if rollout.over or rollout.at(Phase.PLANNED):
        return None
    return _following(rollout, begun=busy & frozenset(rollout.at(Phase.STAGED)))
