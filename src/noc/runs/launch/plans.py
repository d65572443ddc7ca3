"""Plans for machines at a cloud, before anything is asked."""

from collections.abc import Sequence
from datetime import date, datetime

from noc.errors import Usage
from noc.fleet.inventory import Inventory, Life
from noc.fleet.model import Fleet, Node
from noc.runs.plan.plan import Action, Options, Plan


def plan_launch(fleet: Fleet, inventory: Inventory, names: Sequence[str], now: datetime, batch: int | None) -> Plan:
    """Plan to make machines for nodes; of all, and of a batch, those that a person has left out stay out.

    Args:
        fleet: the fleet file.
        inventory: what is known of the machines.
        names: nodes, or "all".
        now: the time, UTC.
        batch: every node of this batch instead; None for the nodes that are named.

    Raises:
        NotFound: a name is not in the fleet.
        Usage: a node is not at the cloud or is retired, or none is left.
    """
    if batch is None and "all" not in names:
        return _plan("launch", _at_cloud(fleet.select(names)), now)
    left_out = _left_out(fleet, now)
    retired = {name for name, record in inventory.nodes.items() if record.life is Life.RETIRED}
    chosen = [node for node in fleet.nodes if node.provider == "aws" and node.name not in left_out | retired]
    found = [node for node in chosen if batch is None or node.batch == batch]
    if not found:
        raise Usage(f"batch {batch} has no node to launch" if batch is not None else "no node is at a cloud")
    return _plan("launch", found, now)


def plan_terminate(fleet: Fleet, names: Sequence[str], now: datetime, options: Options) -> Plan:
    """Plan to end nodes' machines. Raises NotFound, and Usage for all of them at once."""
    if "all" in names:
        raise Usage("terminate takes the names of nodes", why="all of them at once is never meant")
    return _plan("terminate", _at_cloud(fleet.select(names)), now, options)


def plan_adopt(fleet: Fleet, names: Sequence[str], now: datetime, options: Options) -> Plan:
    """Plan to take machines over that something else has made. Raises NotFound, Usage."""
    nodes = fleet.select(names)
    if stray := (set(options.address) | set(options.host_key)) - {node.name for node in nodes}:
        raise Usage(f"an option names {min(stray)}, which is not adopted here")
    return _plan("adopt", nodes, now, options)


def plan_opt_in(fleet: Fleet, names: Sequence[str], now: datetime) -> Plan:
    """Plan to switch on the regions of nodes; of all, those that a person has left out stay out.

    Raises:
        NotFound: a name is not in the fleet.
        Usage: a node is not at the cloud, or none is left.
    """
    selected, left_out = fleet.select(names), _left_out(fleet, now)
    if "all" in names:
        selected = tuple(node for node in selected if node.provider == "aws" and node.name not in left_out)
    return _plan("opt-in", _at_cloud(selected), now)


def _left_out(fleet: Fleet, now: datetime) -> set[str]:
    """What a person has accepted, as long as that holds; nodes by their names are among it."""
    return {each.what for each in fleet.accepted if date.fromisoformat(each.until) >= now.date()}


def _at_cloud(nodes: Sequence[Node]) -> Sequence[Node]:
    """The nodes, each with a provider that machines can be asked of, a region and a type."""
    for node in nodes:
        if node.provider != "aws":
            why = f"its provider is {node.provider}"
            raise Usage(f"{node.name} cannot be launched", why=why, fix=f"noc provision {node.name} --ip ADDRESS")
        if node.region is None or node.instance_type is None:
            raise Usage(f"{node.name} cannot be launched", why="it has no region or no instance_type in fleet.toml")
    return nodes


def _plan(action: Action, nodes: Sequence[Node], now: datetime, options: Options | None = None) -> Plan:
    names = tuple(node.name for node in nodes)
    if not names:
        raise Usage(f"{action}: no node is meant")
    return Plan(action=action, nodes=names, options=options or Options(), created=now).sealed()
