"""How long a change of the fleet takes, from how long earlier ones took, or from the parts that one node costs. Pure.

Nodes are staged side by side, so many at once, within what HQ's own line carries. In the same order they are activated,
one after the other, each as soon as it is staged; those of one wave share the soak that follows. Both ways to an
estimate add up like that; they differ in where the seconds of one node come from.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from heapq import heapreplace
from itertools import accumulate, chain, groupby
from statistics import median

from noc.runs.plan.plan import Estimate, NodePlan, Rules, canaries

STAGED_AT_ONCE = 4
"""Releases that are sent at the same time: one event loop uses one core, and four were not slower than twenty."""
PROVISIONED_AT_ONCE = 8
RECENT = 5
"""Measurements of one node that count, the newest."""

SURVEY_S = 1.0
ACTIVATE_S = 4.0
RATE = 2_000_000.0
PROVISION_S = 300.0
"""What is assumed before anything was measured: to ask all nodes, to activate and prove one without its soak, bytes a
second to one node, to provision one. Higher than what the lab shows, so that a first plan does not promise too much."""


@dataclass(frozen=True)
class History:
    """What earlier runs took, each list newest first.

    Attributes:
        surveys: seconds until every node of a rollout had answered.
        activations: seconds from the begin of an activation until it was confirmed, its soak left out, by node.
        rates: bytes a second at which a release was sent, by node.
        uplink: the most bytes a second that HQ sent to several nodes together; None where it never did.
        provisions: seconds from the first step until a node was live, by node.
    """

    surveys: tuple[float, ...] = ()
    activations: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    rates: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    uplink: float | None = None
    provisions: Mapping[str, tuple[float, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Parts:
    """What one node costs beside the bytes and the soak, in parts that can be measured apart.

    Attributes:
        restart_s: seconds from the restart until the service is healthy, measured on the node.
        work_s: seconds that HQ and the node compute around it.
        survey_trips: round trips to connect and ask.
        stage_trips: round trips of a transfer, its check included.
        activate_trips: round trips from the go until the node is confirmed.
    """

    restart_s: float
    work_s: float = 0.2
    survey_trips: float = 8
    stage_trips: float = 3
    activate_trips: float = 5


@dataclass(frozen=True)
class _Turn:
    """One node in a rollout: its wave; in seconds, when it is staged, how long its activation takes, and its soak."""

    wave: int
    staged_s: float
    activate_s: float
    soak_s: float


@dataclass(frozen=True)
class Distance:
    """How far nodes are.

    Attributes:
        rtt_s: seconds of a round trip.
        rate: bytes a second that one node takes.
        uplink: bytes a second that HQ's own line carries, None where it is no bound.
    """

    rtt_s: float
    rate: float = RATE
    uplink: float | None = None


def estimate_rollout(
    rows: Sequence[NodePlan],
    rules: Rules,
    history: History,
    bound_s: float,
    regions: Mapping[str, str] | None = None,
) -> tuple[tuple[NodePlan, ...], Estimate]:
    """How long a rollout takes, by what earlier ones took.

    Args:
        rows: the nodes; those that change count.
        rules: soaks.
        history: earlier runs.
        bound_s: seconds that a rollout of the fleet may take.
        regions: the region of each node, by name, where each has a canary of its own.

    Returns:
        The rows, each with its seconds, and the estimate.
    """
    changing = [row for row in rows if row.state == "change"]
    first = canaries(rows, regions or {})
    rate, work = _Typical(history.rates, RATE), _Typical(history.activations, ACTIVATE_S)
    soak = {row.node: rules.canary_soak if row.node in first else rules.soak for row in changing}
    staging = {row.node: row.bytes / rate.of(row.node) for row in changing}
    activating = {row.node: work.of(row.node) for row in changing}
    staged = _staged(list(staging.values()), [row.bytes for row in changing], history.uplink)
    told = tuple(
        row.model_copy(
            update={"seconds": round(staging[row.node] + activating[row.node] + soak[row.node], 3)}
            if row.node in staging
            else {}
        )
        for row in rows
    )
    estimate = _estimate(
        survey_s=median(history.surveys[:RECENT]) if history.surveys else SURVEY_S,
        turns=[
            _Turn(row.wave, at, activating[row.node], soak[row.node]) for row, at in zip(changing, staged, strict=True)
        ],
        bound_s=bound_s,
        source=_source(history.activations, "activation"),
    )
    return told, estimate


def estimate_provision(nodes: Sequence[str], history: History, bound_s: float) -> Estimate:
    """How long it takes to provision nodes, several at once.

    Args:
        nodes: their names.
        history: earlier runs.
        bound_s: seconds that one node may take.

    Returns:
        An estimate whose `activate_s` is the slowest node's time, which the bound is for; `total_s` is all nodes'.
    """
    seconds = list(map(_Typical(history.provisions, PROVISION_S).of, nodes))
    return Estimate(
        stage_s=0,
        activate_s=round(max(seconds, default=0), 1),
        total_s=round(max(_side_by_side(seconds, PROVISIONED_AT_ONCE), default=0), 1),
        bound_s=bound_s,
        source=_source(history.provisions, "provisioning"),
    )


def predict(parts: Parts, distance: Distance, rules: Rules, *, nodes: int, bytes_each: int, bound_s: float) -> Estimate:
    """How long a rollout over a fleet takes that was never measured, by the parts that were.

    Args:
        parts: what one node costs.
        distance: how far the nodes are.
        rules: batch and soaks.
        nodes: how many there are.
        bytes_each: what each has to be sent.
        bound_s: seconds that a rollout of the fleet may take.
    """
    each = parts.restart_s + parts.work_s + parts.activate_trips * distance.rtt_s
    places = [0 if number == 0 else 1 + (number - 1) // rules.batch for number in range(nodes)]
    sending = bytes_each / distance.rate + parts.stage_trips * distance.rtt_s
    staged = _staged([sending] * nodes, [bytes_each] * nodes, distance.uplink)
    return _estimate(
        survey_s=parts.work_s + parts.survey_trips * distance.rtt_s,
        turns=[
            _Turn(wave, at, each, rules.soak if wave else rules.canary_soak)
            for wave, at in zip(places, staged, strict=True)
        ],
        bound_s=bound_s,
        source=f"from {parts.restart_s:g} s a restart, {distance.rtt_s * 1000:g} ms a round trip, "
        f"{distance.rate / 1e6:g} MB/s a node",
    )


def _estimate(*, survey_s: float, turns: Sequence[_Turn], bound_s: float, source: str) -> Estimate:
    waves = [list(wave) for _, wave in groupby(turns, key=lambda turn: turn.wave)]
    clock = activate_s = 0.0
    for wave in waves:
        soak = max(turn.soak_s for turn in wave)
        for turn in wave:
            clock = max(clock, turn.staged_s) + turn.activate_s
        clock += soak
        activate_s += sum(turn.activate_s for turn in wave) + soak
    return Estimate(
        stage_s=round(max((turn.staged_s for turn in turns), default=0), 3),
        activate_s=round(activate_s, 3),
        total_s=round(survey_s + clock, 3),
        bound_s=bound_s,
        source=source,
    )


def _staged(seconds: Sequence[float], sizes: Sequence[int], uplink: float | None) -> list[float]:
    """When each is staged, in order: by the places that are free, and never faster than HQ's line carries the bytes."""
    by_line = [size / uplink for size in accumulate(sizes)] if uplink else [0.0] * len(sizes)
    return list(map(max, _side_by_side(seconds, STAGED_AT_ONCE), by_line))


def _side_by_side(seconds: Iterable[float], at_once: int) -> list[float]:
    """When each is done, where each begins in its turn as soon as one of the places is free."""
    free, done = [0.0] * at_once, []
    for each in seconds:
        done.append(free[0] + each)
        heapreplace(free, done[-1])
    return done


class _Typical:
    """A node's own median, the fleet's where it has none, what is assumed where nobody has one."""

    def __init__(self, measured: Mapping[str, tuple[float, ...]], assumed: float) -> None:
        every = list(chain.from_iterable(measured.values()))
        self._measured, self._otherwise = measured, median(every) if every else assumed

    def of(self, node: str) -> float:
        own = self._measured.get(node, ())[:RECENT]
        return median(own) if own else self._otherwise


def _source(measured: Mapping[str, tuple[float, ...]], noun: str) -> str:
    count = sum(map(len, measured.values()))
    if not count:
        return "no history: assumed"
    return f"from {count} {noun}{'s' if count > 1 else ''}"
