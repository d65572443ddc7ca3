"""Plans of nodes that leave the fleet's service, before anything is asked."""

from collections.abc import Sequence
from datetime import datetime

from noc.errors import Usage
from noc.fleet.inventory import Inventory
from noc.fleet.model import Fleet
from noc.runs.plan.plan import Options, Plan
from noc.runs.removal.errors import StillApex


def plan_remove(fleet: Fleet, inventory: Inventory, names: Sequence[str], now: datetime, options: Options) -> Plan:
    """Plan to let nodes go.

    Raises:
        NotFound: a name is not in the fleet.
        Usage: all of them at once.
        StillApex: a node answers for the domain itself.
    """
    if "all" in names:
        raise Usage("remove takes the names of nodes", why="all of them at once is never meant")
    nodes = fleet.select(names)
    # A machine that is no more answers for nothing, whatever its proxy was told.
    told = inventory.routed if options.gone else inventory.answers_apex
    answering = [node.name for node in nodes if node.name in {inventory.apex, *told}]
    if answering:
        fix = f"noc dns apex OTHER, which is not {answering[0]}; then give the command again"
        if fleet.routing.by_latency:
            fix = f"leave {answering[0]} out of the nodes that [routing] names, then {fix}"
        raise StillApex(f"{answering[0]} answers for {fleet.domain}", fix=fix)
    return Plan(action="remove", nodes=tuple(node.name for node in nodes), options=options, created=now).sealed()
