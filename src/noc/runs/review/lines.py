"""Acceptance lines about nodes: pure functions from what was seen to a verdict with its evidence.

A check that could not run is no pass. A node that a person has left out is named with the reason, and never counted.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence

from noc.fleet.inventory import Life
from noc.fleet.model import Node
from noc.runs.review.report import Evidence, Line, Verdict
from noc.runs.review.seen import Seen

Finding = tuple[Verdict, str]
Look = Callable[[Node], Finding]
PASSED, FAILED, NOT_RUN = Verdict.PASSED, Verdict.FAILED, Verdict.NOT_RUN


def line(name: str, accepted_when: str, finding: Finding, evidence: Iterable[tuple[str, str]] = ()) -> Line:
    """A line from one finding and its evidence: label and what was seen there."""
    verdict, summary = finding
    shown = tuple(Evidence(label=label, value=value) for label, value in evidence)
    return Line(name=name, accepted_when=accepted_when, verdict=verdict, summary=summary, evidence=shown)


def of_nodes(
    seen: Seen, batches: Sequence[int] | None, look: Look, *, name: str, accepted_when: str, word: str
) -> Line:
    """A line that every node has to pass: `19 of 19 live, 1 left out: reason`.

    Args:
        seen: the picture.
        batches: whose nodes count; None for all.
        look: what is found of one node.
        name, accepted_when: the line's own.
        word: what they are, all being well.
    """
    found = {node.name: look(node) for node in seen.nodes(batches)}
    good = sum(verdict is PASSED for verdict, _ in found.values())
    gone = {
        node.name: seen.left_out[node.name]
        for node in seen.fleet.nodes
        if node.name in seen.left_out and (batches is None or node.batch in batches)
    }
    summary = f"{good} of {len(found)} {word}"
    if gone:
        summary += f", {len(gone)} left out: " + "; ".join(f"{each}: {reason}" for each, reason in gone.items())
    evidence = [(each, words) for each, (_, words) in found.items()]
    evidence += [(each, f"left out: {reason}") for each, reason in gone.items()]
    return line(name, accepted_when, (_worst(found), summary), evidence)


def _worst(found: Mapping[str, Finding]) -> Verdict:
    verdicts = {verdict for verdict, _ in found.values()}
    if FAILED in verdicts:
        return FAILED
    return PASSED if verdicts == {PASSED} else NOT_RUN


def life(seen: Seen) -> Look:
    """Whether a node is provisioned and live."""

    def look(node: Node) -> Finding:
        record = seen.inventory.record(node.name)
        at = f" at {record.address}" if record.address else ""
        return (PASSED if record.life is Life.LIVE else FAILED), f"{record.life.value}{at}"

    return look


def check(seen: Seen, name: str) -> Look:
    """Whether one check of `noc health` passed on a node, with its words."""

    def look(node: Node) -> Finding:
        found = seen.checks.get(node.name)
        if found is None:
            return NOT_RUN, seen.trouble.get("health", "it is not live, so it was not looked at")
        state, words = found[name]
        return {"ok": PASSED, "failed": FAILED}.get(state, NOT_RUN), words

    return look


def healthy(seen: Seen) -> Look:
    """Whether every check of `noc health` passed on a node."""

    def look(node: Node) -> Finding:
        found = seen.checks.get(node.name)
        if found is None:
            return NOT_RUN, seen.trouble.get("health", "it is not live, so it was not looked at")
        wrong = [f"{name}: {words}" for name, (state, words) in found.items() if state != "ok"]
        failed = any(state == "failed" for state, _ in found.values())
        return (FAILED if failed else NOT_RUN if wrong else PASSED), "; ".join(wrong) or "every check passed"

    return look


def monitor(seen: Seen, wanted: Sequence[str]) -> Look:
    """Whether the watch has a node in one of some states."""

    def look(node: Node) -> Finding:
        if seen.monitors is None:
            return NOT_RUN, seen.trouble.get("watch", "the watch was not asked")
        state = seen.monitors.get(node.name)
        return (PASSED if state in wanted else FAILED), state or "the watch does not know it"

    return look


def named(seen: Seen) -> Look:
    """Whether a node's public name leads to its address, and to nothing else."""

    def look(node: Node) -> Finding:
        host, record = seen.fleet.hostname(node), seen.inventory.record(node.name)
        known = {str(each) for each in (record.address, record.address6) if each is not None}
        found = seen.addresses.get(host)
        if found is None:
            return NOT_RUN, seen.trouble.get(host, "it was not looked up")
        if not found or not known:
            return FAILED, f"{host} leads to {', '.join(found) or 'nothing'}; the node has {', '.join(known) or 'none'}"
        return (PASSED if set(found) <= known else FAILED), f"{host} → {', '.join(found)}"

    return look
