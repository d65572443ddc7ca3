"""The decision on a node: a pure function of what HQ knows, what the tenant wishes and what was measured.

A tenant who has a node stays there while that node may keep them. Else the nodes that may take somebody are narrowed
to the nearest, and among those that are about as near a draw falls in proportion to free room. The draw is weighted
rendezvous hashing (Schindelhauer and Schomaker, "Weighted distributed hash tables", SPAA 2005): it needs no memory, is
the same wherever it is made, and a node that joins or leaves moves no decision but those that fall on it.
"""

from collections import Counter
from collections.abc import Collection, Mapping
from hashlib import sha256
from math import inf, log

from noc.placement.decision import Considered, Placed, Reason
from noc.placement.errors import NoPlace
from noc.placement.plausible import nearness
from noc.placement.roster import Candidate
from noc.placement.wishes import Wishes

NEAR_MS, NEAR_SHARE = 10.0, 0.25
"""As near as the nearest is whatever is at most so much farther, or by such a share: nobody notices."""
_RANK = {reason: rank for rank, reason in enumerate(Reason)}
Outcome = tuple[Reason, str]


def place(roster: Collection[Candidate], tenant: str, wishes: Wishes, home: str | None = None) -> Placed:
    """Decide on which node a tenant lives.

    Args:
        roster: every node that HQ knows, in any order.
        tenant: the tenant's id; the draw falls by it.
        wishes: where the tenant wants to live, and what was measured.
        home: the node on which the tenant lives now; None for one who is new.

    Raises:
        NoPlace: no node may take the tenant; it says of each why.
    """
    near = nearness({each.node: each for each in roster}, wishes.round_trips)
    outcomes = {each.node: refused for each in roster if (refused := _refusal(each, wishes))}
    able = [each for each in roster if each.node not in outcomes]
    if any(each.node == home and _may_keep(each, wishes) for each in roster):
        outcomes |= {each.node: (Reason.NOT_HOME, f"the tenant lives on {home} already") for each in able}
        outcomes[str(home)] = (Reason.STAYS, "the tenant lives here already")
    elif able:
        outcomes |= _drawn(able, tenant, near.trips)
    considered = _explained(roster, outcomes, near.trips)
    if not considered or considered[0].reason not in {Reason.STAYS, Reason.CHOSEN}:
        raise _no_place(roster, wishes, considered)
    return Placed(considered, near.doubts)


def _may_keep(each: Candidate, wishes: Wishes) -> bool:
    """A node that is full, or in trouble, keeps whom it has: their data are there and nowhere else."""
    return each.seen.live and wishes.residency in {None, *each.residencies}


def _refusal(each: Candidate, wishes: Wishes) -> Outcome | None:
    """The first reason for which a node may not take a tenant who is new there."""
    refusals = (
        (not each.seen.live, Reason.NOT_LIVE, "it is not live"),
        (wishes.node not in {None, each.node}, Reason.NOT_ASKED_FOR, f"{wishes.node} was asked for"),
        (wishes.residency not in {None, *each.residencies}, Reason.OUTSIDE, f"it is not in {wishes.residency}"),
        (each.left_out, Reason.LEFT_OUT, "the fleet file leaves it out"),
        (each.seen.maintenance, Reason.IN_MAINTENANCE, "it is in maintenance"),
        (each.seen.incident, Reason.IN_INCIDENT, "it has an open incident"),
        (not each.measures, Reason.UNHEARD, "nothing has been heard of its load"),
    )
    first = next(((reason, words) for holds, reason, words in refusals if holds), None)
    if first is None and not each.tightest.free:
        return Reason.FULL, f"it is full: {each.tightest}"
    return first


def _drawn(able: Collection[Candidate], tenant: str, trips: Mapping[str, float]) -> dict[str, Outcome]:
    """Of the nodes that may take the tenant: the nearest, and of those about as near the one that the draw falls on."""
    nearest = min(trips.get(each.node, inf) for each in able)
    reach = max(nearest + NEAR_MS, nearest * (1 + NEAR_SHARE))
    close = [each for each in able if trips.get(each.node, inf) <= reach]
    winner = max(close, key=lambda each: (_ticket(tenant, each), each.node))
    not_drawn = f"the draw fell on {winner.node}"
    outcomes: dict[str, Outcome] = {each.node: (Reason.FARTHER, _away(trips.get(each.node), nearest)) for each in able}
    outcomes |= {each.node: (Reason.NOT_DRAWN, not_drawn) for each in close}
    return outcomes | {winner.node: (Reason.CHOSEN, _merits(winner, len(close), trips.get(winner.node)))}


def _ticket(tenant: str, each: Candidate) -> float:
    """The highest one wins; a node with twice the room has the highest one twice as often."""
    digest = sha256(f"{tenant}\0{each.node}".encode()).digest()
    uniform = ((int.from_bytes(digest[:8], "big") >> 12) + 0.5) / 2**52
    return -each.tightest.free / log(uniform)


def _away(trip: float | None, nearest: float) -> str:
    if trip is None:
        return "no round trip to it is believed, and to others one is"
    return f"{trip:g} ms away, the nearest {nearest:g} ms"


def _merits(winner: Candidate, among: int, trip: float | None) -> str:
    if trip is None:
        why = "the only one that can" if among == 1 else f"drawn by free room among {among}"
    else:
        why = f"{trip:g} ms away, " + (
            "the nearest" if among == 1 else f"drawn by free room among {among} about as near"
        )
    return f"{why}; {winner.tightest.free * 100:.0f} % free: {winner.tightest}"


def _explained(
    roster: Collection[Candidate], outcomes: Mapping[str, Outcome], trips: Mapping[str, float]
) -> tuple[Considered, ...]:
    considered = [_considered(each, outcomes[each.node], trips.get(each.node)) for each in roster]
    return tuple(sorted(considered, key=lambda each: (_RANK[each.reason], each.round_trip_ms or inf, each.node)))


def _considered(each: Candidate, outcome: Outcome, trip: float | None) -> Considered:
    free = round(each.tightest.free, 3) if each.measures else None
    return Considered(each.node, *outcome, round_trip_ms=trip, free=free)


def _no_place(roster: Collection[Candidate], wishes: Wishes, considered: tuple[Considered, ...]) -> NoPlace:
    counts = Counter(each.reason for each in considered)
    why = ", ".join(f"{count} {reason.replace('-', ' ')}" for reason, count in counts.items())
    offered = sorted({each for candidate in roster for each in candidate.residencies})
    nowhere = wishes.residency is not None and wishes.residency not in offered
    fix = f"there are nodes in {', '.join(offered)}" if nowhere else "noc tenant place --explain names each node"
    return NoPlace("no node may take this tenant", considered, why=why or "the fleet has no node", fix=fix)
