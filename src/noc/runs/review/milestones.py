"""The milestones of the plan: what each is, and the lines by which it is accepted."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from noc.fleet.model import Node
from noc.runs.review import hqlines as hq
from noc.runs.review import lines
from noc.runs.review.errors import NoMilestone
from noc.runs.review.report import Line
from noc.runs.review.seen import Seen

PILOT = (0,)
OPEN = "open on 80 and 443 alone"


@dataclass(frozen=True)
class Milestone:
    """One milestone.

    Attributes:
        name: short, "M3".
        title: what it is.
        lines: from the picture to its acceptance lines, in the plan's order.
        after: the milestone on which a person has to have decided go before this one can be accepted, "" for none.
    """

    name: str
    title: str
    lines: Callable[[Seen], tuple[Line, ...]]
    after: str = ""

    def judge(self, seen: Seen) -> tuple[Line, ...]:
        """All its lines, the decision that it needs first."""
        needed = (hq.decided(seen, self.after),) if self.after else ()
        return (*needed, *self.lines(seen))


def _of(seen: Seen, batches: Sequence[int] | None, look: lines.Look, words: tuple[str, str, str]) -> Line:
    name, accepted_when, word = words
    return lines.of_nodes(seen, batches, look, name=name, accepted_when=accepted_when, word=word)


def _hq_ready(seen: Seen) -> tuple[Line, ...]:
    soc = f"soc.{seen.fleet.domain}"
    known = ("pending", "up", "late", "down", "unheard")
    monitors = "every node has a monitor, pending until it is live"
    return (
        hq.hub(seen),
        hq.unit(seen, "noc-watch.service", "Watch", "the watch runs"),
        hq.unit(seen, "noc-agent.service", "Agent", "the agent runs"),
        _of(seen, None, lines.monitor(seen, known), ("Monitors", monitors, "watched")),
        hq.page(seen, soc, "Status page", f"https://{soc} is live"),
    )


def _tooling(seen: Seen) -> tuple[Line, ...]:
    return (hq.provision_bound(seen), hq.deploy_bound(seen))


def _pilot(seen: Seen) -> tuple[Line, ...]:
    nodes = seen.nodes(PILOT)
    return (
        _of(seen, PILOT, lines.life(seen), ("Nodes", "each is provisioned and live", "live")),
        hq.rolling(seen, nodes, f"a rolling deployment over the {len(nodes)} is proven on each"),
        hq.killed(seen, nodes),
        _of(seen, PILOT, lines.check(seen, "ports"), ("Ports", "a scan of each finds 22 not public", OPEN)),
        _of(seen, PILOT, lines.check(seen, "certificate"), ("TLS", "TLS is valid on each", "valid")),
    )


def _go(seen: Seen) -> tuple[Line, ...]:
    return (hq.reported(seen, "M3"),)


def _others(seen: Seen) -> tuple[Line, ...]:
    batches = sorted({node.batch for node in seen.fleet.nodes} - set(PILOT))
    return tuple(_batch(seen, number) for number in batches)


def _batch(seen: Seen, number: int) -> Line:
    looks = (lines.life(seen), lines.named(seen), lines.healthy(seen), lines.monitor(seen, ("up",)))

    def all_of(node: Node) -> lines.Finding:
        found = [look(node) for look in looks]
        wrong = [(verdict, words) for verdict, words in found if verdict is not lines.PASSED]
        if not wrong:
            return lines.PASSED, "; ".join(words for _, words in found)
        failed = any(verdict is lines.FAILED for verdict, _ in wrong)
        return (lines.FAILED if failed else lines.NOT_RUN), "; ".join(words for _, words in wrong)

    accepted = "each is provisioned, named in DNS, healthy and heard"
    return _of(seen, (number,), all_of, (f"Batch {number}", accepted, "accepted"))


def _verified(seen: Seen) -> tuple[Line, ...]:
    nodes = seen.nodes()
    reach = "every node is reached from HQ through the tunnel, its round trip recorded"
    return (
        _of(seen, None, lines.monitor(seen, ("up",)), ("Monitors", "every monitor is green", "up")),
        hq.rolling(seen, nodes, "a rolling deployment over all is proven on each"),
        _of(seen, None, lines.check(seen, "round trip"), ("Tunnel", reach, "reached")),
        _of(seen, None, lines.check(seen, "ports"), ("Ports", "no public SSH anywhere", OPEN)),
        _of(seen, None, lines.check(seen, "certificate"), ("TLS", "TLS is valid on all", "valid")),
    )


def _live(seen: Seen) -> tuple[Line, ...]:
    domain = seen.fleet.domain
    return (
        hq.reported(seen, "M6"),
        hq.apex(seen),
        hq.page(seen, domain, "Front door", f"https://{domain} answers with a valid certificate"),
        hq.page(seen, f"soc.{domain}", "Status page", "the status page is up"),
    )


MILESTONES: Mapping[str, Milestone] = {
    each.name: each
    for each in (
        Milestone("M1", "HQ ready", _hq_ready),
        Milestone("M2", "configuration and tooling", _tooling),
        Milestone("M3", "pilot", _pilot),
        Milestone("M4", "go or no-go", _go),
        Milestone("M5", "the other nodes, in batches", _others, after="M4"),
        Milestone("M6", "fleet verified", _verified, after="M4"),
        Milestone("M7", "live", _live, after="M4"),
    )
}


def milestone(name: str) -> Milestone:
    """A milestone by its short name. Raises NoMilestone."""
    try:
        return MILESTONES[name.upper()]
    except KeyError:
        raise NoMilestone(f"no milestone is called {name[:20]}", fix=f"one of {', '.join(MILESTONES)}") from None
