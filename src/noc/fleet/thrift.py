"""Ways to run the same fleet for less: each with its price, and what it costs in practice."""

from collections.abc import Iterator
from dataclasses import dataclass

from noc.fleet.cost import FleetCost
from noc.fleet.prices import PriceList

IPV6_IN_PRACTICE = (
    "visitors who have IPv4 alone come through the DNS provider's proxy; HQ, the certificate authority and whatever a "
    "node talks to must speak IPv6"
)
ONE_NODE_IN_PRACTICE = "everybody who asks for the domain is answered by one node, however far away"
COMMITTED_IN_PRACTICE = "paid for the whole term, whether or not the nodes still run"


@dataclass(frozen=True)
class Way:
    """One way to a smaller bill.

    Attributes:
        name: what is done.
        least, most: the fleet's bill a month then, US dollars: one figure twice where it is known, else a range.
        practice: what it costs besides money.
    """

    name: str
    least: float
    most: float
    practice: str

    def fits(self, ceiling_usd: float) -> bool:
        """Whether the bill is under a ceiling for certain."""
        return self.most <= ceiling_usd


def ways(cost: FleetCost, prices: PriceList, ceiling_usd: float) -> tuple[Way, ...]:
    """The ways under a ceiling, the one that changes least first; none where the fleet is under it already.

    Args:
        cost: the fleet as it is.
        prices: where commitments stand.
        ceiling_usd: US dollars a month.

    Returns:
        Every way that is known, those that do not reach the ceiling as well: a person has to see that they do not.
    """
    if cost.usd <= ceiling_usd:
        return ()
    return (
        *_commitments(cost, prices),
        *_one_node(cost),
        *_without_ipv4(cost, prices),
        *_fewer(cost, ceiling_usd),
    )


def _one_node(cost: FleetCost) -> Iterator[Way]:
    if cost.routing:
        bill = cost.usd - cost.routing.usd
        yield Way("the domain led to one node", bill, bill, ONE_NODE_IN_PRACTICE)


def _commitments(cost: FleetCost, prices: PriceList) -> Iterator[Way]:
    instances = sum(node.part("instance") for node in cost.running)
    for each in prices.commitments:
        least, most = cost.usd - instances * each.most, cost.usd - instances * each.least
        yield Way(each.name, least, most, COMMITTED_IN_PRACTICE)


def _without_ipv4(cost: FleetCost, prices: PriceList) -> Iterator[Way]:
    addresses = cost.part("address")
    if not addresses:
        return
    bill = cost.usd - addresses
    yield Way("IPv6 behind the proxy, no public IPv4", bill, bill, IPV6_IN_PRACTICE)
    for way in _commitments(cost, prices):
        practice = f"{IPV6_IN_PRACTICE}; {COMMITTED_IN_PRACTICE}"
        yield Way(f"IPv6 behind the proxy and {way.name}", way.least - addresses, way.most - addresses, practice)


def _fewer(cost: FleetCost, ceiling_usd: float) -> Iterator[Way]:
    """Leave out the dearest nodes until the bill fits; the order is by price, which a person may not share."""
    bill, gone = cost.usd, []
    for node in sorted(cost.running, key=lambda each: (-each.usd, each.name)):
        if bill <= ceiling_usd:
            break
        bill -= node.usd
        gone.append(node.name)
    kept = len(cost.running) - len(gone)
    if gone and kept:
        yield Way(f"{kept} nodes, without the dearest", bill, bill, f"no node in {', '.join(gone)}")
