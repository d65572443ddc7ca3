"""What the fleet costs a month at list prices: pure sums over the fleet file and a price list."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field, replace
from datetime import date

from noc.fleet.model import Fleet, Node
from noc.fleet.prices import HOURS_A_MONTH, Balancer, Price, PriceList, What


@dataclass(frozen=True)
class Item:
    """One part of a machine's bill: US dollars a month, and the row that says so; None for a price nobody knows."""

    what: What
    usd: float | None
    price: Price | None = None


@dataclass(frozen=True)
class MachineCost:
    """What one machine costs a month.

    Attributes:
        name: the node's name, or the hub's.
        items: the parts of its bill.
        left_out: why a person left it out, "" where it runs: it costs nothing then.
    """

    name: str
    region: str | None
    kind: str
    items: tuple[Item, ...]
    left_out: str = ""

    @property
    def usd(self) -> float:
        """The sum of all parts with a price, whether or not the machine is left out."""
        return sum(item.usd or 0 for item in self.items)

    @property
    def unknown(self) -> tuple[What, ...]:
        """The parts without a price: the sum is at least what it says."""
        return tuple(item.what for item in self.items if item.usd is None)

    def part(self, what: What) -> float:
        """US dollars a month of one part, 0 where the machine has none of it or its price is not known."""
        return sum(item.usd or 0 for item in self.items if item.what == what)


@dataclass(frozen=True)
class RoutingCost:
    """What it costs a month to lead the domain to several nodes: the provider's load balancer before them.

    Attributes:
        endpoints: the nodes that it leads to.
        price: the row that says so.
    """

    endpoints: int
    price: Balancer

    @property
    def usd(self) -> float:
        """US dollars a month."""
        return self.price.monthly(self.endpoints)

    def __str__(self) -> str:
        """As people read it: `$25.00 a month at list prices for 4 endpoints`."""
        return f"${self.usd:.2f} a month at list prices for {self.endpoints} endpoints"


@dataclass(frozen=True)
class FleetCost:
    """What the fleet costs a month, against its ceiling. US dollars, without tax."""

    hub: MachineCost
    nodes: tuple[MachineCost, ...]
    ceiling_usd: float
    free_egress_usd: float = 0
    guessed: tuple[Price, ...] = field(default=(), repr=False)
    routing: RoutingCost | None = None

    @property
    def running(self) -> tuple[MachineCost, ...]:
        """The nodes that are not left out."""
        return tuple(node for node in self.nodes if not node.left_out)

    @property
    def usd(self) -> float:
        """The whole bill: the hub, every node that is not left out, less free traffic; and the domain's routing."""
        routing = self.routing.usd if self.routing else 0
        return self.hub.usd + sum(node.usd for node in self.running) - self.free_egress_usd + routing

    @property
    def over(self) -> float:
        """By how much the bill is above the ceiling; negative below it."""
        return self.usd - self.ceiling_usd

    @property
    def unknown(self) -> tuple[str, ...]:
        """The machines whose bill has a part without a price."""
        return tuple(each.name for each in (self.hub, *self.running) if each.unknown)

    def part(self, what: What) -> float:
        """US dollars a month of one part, over the hub and all nodes that run."""
        return sum(each.part(what) for each in (self.hub, *self.running))


def fleet_cost(fleet: Fleet, prices: PriceList, today: date) -> FleetCost:
    """What the fleet file's machines cost a month.

    Args:
        fleet: hub, nodes, budget; what a person has accepted by a node's name leaves that node out.
        prices: where rows are looked up.
        today: until when an acceptance holds.
    """
    accepted = {each.what: each.reason for each in fleet.accepted if date.fromisoformat(each.until) >= today}
    nodes = tuple(_node_cost(fleet, node, prices, accepted.get(node.name, "")) for node in fleet.nodes)
    hub = MachineCost(fleet.hub.name, None, fleet.hub.provider, tuple(_hub_items(fleet, prices)))
    rows = {item.price for each in (hub, *nodes) for item in each.items if item.price and item.price.guessed}
    guessed = tuple(sorted(rows, key=lambda row: (row.item, row.region)))
    free, routing = _free_egress(fleet, nodes, prices), _routing(fleet, nodes, prices)
    return FleetCost(hub, nodes, fleet.budget.ceiling_usd, free, guessed, routing)


def _routing(fleet: Fleet, nodes: tuple[MachineCost, ...], prices: PriceList) -> RoutingCost | None:
    """By the fleet file: each node that it names, or that runs where it names none, is an endpoint."""
    if not fleet.routing.by_latency:
        return None
    chosen = [node for node in nodes if not node.left_out and node.name in (fleet.routing.nodes or {node.name})]
    return routing_cost(fleet, len(chosen), prices)


def routing_cost(fleet: Fleet, endpoints: int, prices: PriceList) -> RoutingCost:
    """What leading the domain to so many nodes costs a month."""
    return RoutingCost(endpoints, prices.balancer(fleet.routing.provider))


def without(cost: FleetCost, names: Collection[str], reason: str) -> FleetCost:
    """The same fleet with some nodes left out."""
    nodes = tuple(
        MachineCost(each.name, each.region, each.kind, each.items, reason) if each.name in names else each
        for each in cost.nodes
    )
    return replace(cost, nodes=nodes)


def _hub_items(fleet: Fleet, prices: PriceList) -> Iterator[Item]:
    price = prices.find(fleet.hub.provider, None, "instance", "*")
    yield Item("instance", price.usd * HOURS_A_MONTH if price else None, price)


def _node_cost(fleet: Fleet, node: Node, prices: PriceList, left_out: str) -> MachineCost:
    amounts: list[tuple[What, str, float]] = [("instance", node.instance_type or "*", HOURS_A_MONTH)]
    if node.provider == "aws":
        amounts += [
            ("disk", "gp3", fleet.budget.disk_gb),
            ("address", "ipv4", 0 if node.public == "ipv6" else HOURS_A_MONTH),
            ("egress", "internet", fleet.budget.egress_gb),
        ]
    items = tuple(_item(prices, node, what, kind, amount) for what, kind, amount in amounts if amount)
    return MachineCost(node.name, node.region, node.instance_type or node.provider, items, left_out)


def _item(prices: PriceList, node: Node, what: What, kind: str, amount: float) -> Item:
    price = prices.find(node.provider, node.region, what, kind)
    return Item(what, None if price is None else price.usd * amount, price)


def _free_egress(fleet: Fleet, nodes: tuple[MachineCost, ...], prices: PriceList) -> float:
    """What the provider's free traffic takes off the bill: it is one account's, and shared by all regions alike."""
    free = prices.free_egress_gb.get("aws", 0)
    bills = [node.part("egress") for node in nodes if not node.left_out and node.part("egress")]
    used = fleet.budget.egress_gb * len(bills)
    return sum(bills) * min(1.0, free / used) if used else 0.0
