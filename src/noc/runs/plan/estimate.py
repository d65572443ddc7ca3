"""How long a change of the fleet takes, from how long earlier ones took, or from the parts that one node costs. Pure.

Nodes are staged side by side, so many at once, within what HQ's own line carries. Then come the waves: the nodes of one
are activated one after the other, and share the soak that follows. Both ways to an estimate add up like that; they
differ in where the seconds of one node come from.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from heapq import heapreplace
from itertools import chain
from statistics import median

from noc.runs.plan.plan import Estimate, NodePlan, Rules

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
    rows: Sequence[NodePlan], rules: Rules, history: History, bound_s: float
) -> tuple[tuple[NodePlan, ...], Estimate]:
    """How long a rollout takes, by what earlier ones took.

    Args:
        rows: the nodes; those that change count.
        rules: soaks.
        history: earlier runs.
        bound_s: seconds that a rollout of the fleet may take.

    Returns:
        The rows, each with its seconds, and the estimate.
    """
    staging = {row.node: row.bytes / _typical(history.rates, row.node, RATE) for row in rows if row.state == "change"}
    activating = {node: _typical(history.activations, node, ACTIVATE_S) for node in staging}
    told = tuple(
        row.model_copy(
            update={"seconds": round(staging[row.node] + activating[row.node] + _soak(rules, row.wave), 3)}
            if row.node in staging
            else {}
        )
        for row in rows
    )
    estimate = _estimate(
        survey_s=median(history.surveys[:RECENT]) if history.surveys else SURVEY_S,
        stage_s=_staged(staging.values(), sum(row.bytes for row in rows if row.node in staging), history.uplink),
        waves=_waves([(row.wave, activating[row.node]) for row in rows if row.node in activating], rules),
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
    seconds = [_typical(history.provisions, node, PROVISION_S) for node in nodes]
    return Estimate(
        stage_s=0,
        activate_s=round(max(seconds, default=0), 1),
        total_s=round(_side_by_side(seconds, PROVISIONED_AT_ONCE), 1),
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
    return _estimate(
        survey_s=parts.work_s + parts.survey_trips * distance.rtt_s,
        stage_s=_staged([sending] * nodes, bytes_each * nodes, distance.uplink),
        waves=_waves([(wave, each) for wave in places], rules),
        bound_s=bound_s,
        source=f"from {parts.restart_s:g} s a restart, {distance.rtt_s * 1000:g} ms a round trip, "
        f"{distance.rate / 1e6:g} MB/s a node",
    )


def _estimate(*, survey_s: float, stage_s: float, waves: Sequence[float], bound_s: float, source: str) -> Estimate:
    activate_s = sum(waves)
    busy = survey_s if not waves else survey_s + stage_s + activate_s
    return Estimate(
        stage_s=round(stage_s, 3),
        activate_s=round(activate_s, 3),
        total_s=round(busy, 3),
        bound_s=bound_s,
        source=source,
    )


def _staged(seconds: Iterable[float], total_bytes: int, uplink: float | None) -> float:
    """Seconds to send to all: by the slots that are free, and never faster than HQ's line."""
    return max(_side_by_side(seconds, STAGED_AT_ONCE), total_bytes / uplink if uplink else 0)


def _side_by_side(seconds: Iterable[float], at_once: int) -> float:
    """Seconds until all are done, when each begins as soon as one of the places is free."""
    free = [0.0] * at_once
    for each in seconds:
        heapreplace(free, free[0] + each)
    return max(free)


def _waves(activations: Iterable[tuple[int, float]], rules: Rules) -> list[float]:
    """Seconds of each wave: all its activations, and one soak after the last of them.

    Args:
        activations: of each node its wave, and the seconds of its activation without a soak.
        rules: soaks.
    """
    busy: dict[int, float] = defaultdict(float)
    for wave, seconds in activations:
        busy[wave] += seconds
    return [seconds + _soak(rules, wave) for wave, seconds in busy.items()]


def _soak(rules: Rules, wave: int) -> float:
    return rules.soak if wave else rules.canary_soak


def _typical(measured: Mapping[str, tuple[float, ...]], node: str, otherwise: float) -> float:
    """A node's own median, the fleet's where it has none, what is assumed where nobody has one."""
    if own := measured.get(node, ())[:RECENT]:
        return median(own)
    return median(every) if (every := list(chain.from_iterable(measured.values()))) else otherwise


def _source(measured: Mapping[str, tuple[float, ...]], noun: str) -> str:
    count = sum(map(len, measured.values()))
    if not count:
        return "no history: assumed"
    return f"from {count} {noun}{'s' if count > 1 else ''}"
