"""Plans of drills, before anything is asked."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final, get_args

from noc.errors import Usage
from noc.fleet.inventory import Inventory, Life
from noc.fleet.model import Fleet, Node
from noc.release.manifest import Manifest
from noc.runs.drill.assignment import ON_NODES, assign
from noc.runs.drill.bounds import RULES, hold_s, rule_for
from noc.runs.plan.plan import Fault, Options, Plan, PlannedFault

ALL: Final = "all"
FAULTS: Final[tuple[Fault, ...]] = get_args(Fault)
NO_RELEASE: Final = "no bad release is named: --release SHA"


def plan_drill(
    fleet: Fleet,
    inventory: Inventory,
    release: Manifest | None,
    names: Sequence[str],
    now: datetime,
    *,
    options: Options,
) -> Plan:
    """Plan one fault on each of some nodes, or every fault, spread over them.

    Args:
        fleet: the fleet file.
        inventory: what is known of the machines.
        release: the bad release, None where none is named.
        names: nodes, or "all" for every live one.
        now: the time, UTC.
        options: `drill` is the fault, or "all"; `hold` how long it lasts.

    Raises:
        NotFound: a name is not in the fleet.
        Usage: there is no such fault, a node is not live, a bad release is missing, or the fault would be over before
            anybody could notice it.
    """
    wanted = options.drill
    if wanted not in (*FAULTS, ALL):
        raise Usage(f"no drill is called {wanted or 'nothing'}", fix=f"one of {', '.join(FAULTS)}, or {ALL}")
    if options.hold is not None and wanted == ALL:
        raise Usage("how long a fault lasts is said of one fault", fix="name it, or leave --for out")
    nodes = _live(fleet, inventory, names)
    faults = _every(fleet, nodes, release) if wanted == ALL else _one(_fault(wanted), fleet, nodes, release, options)
    return Plan(
        action="drill",
        nodes=tuple(node.name for node in nodes),
        release=release.sha256 if release else None,
        version=release.version if release else None,
        build=release.build if release else None,
        options=options,
        faults=tuple(faults),
        created=now,
    ).sealed()


def _fault(name: str) -> Fault:
    return next(fault for fault in FAULTS if fault == name)


def _live(fleet: Fleet, inventory: Inventory, names: Sequence[str]) -> Sequence[Node]:
    selected = fleet.select(names)
    live = [node for node in selected if inventory.record(node.name).life is Life.LIVE]
    if "all" not in names and len(live) < len(selected):
        idle = ", ".join(node.name for node in selected if node not in live)
        raise Usage(f"{idle}: not live, so nobody would notice", fix="noc nodes")
    if not live:
        raise Usage("no node is live", fix="noc provision NODE")
    return live


def _one(
    fault: Fault, fleet: Fleet, nodes: Sequence[Node], release: Manifest | None, options: Options
) -> list[PlannedFault]:
    if fault == "bad-release" and release is None:
        why, fix = "nothing in the store is known to be bad", "sign one that fails once it runs; then --release SHA"
        raise Usage("a bad release has to be named", why=why, fix=fix)
    if fault in RULES and rule_for(fault, fleet) is None:
        raise Usage(f"nobody would notice {fault}", why=f"the rule {RULES[fault]} is off in fleet.toml")
    hold = _hold(fault, fleet, options.hold)
    names = [fleet.hub.name] if fault == "hq-down" else [node.name for node in nodes]
    return [PlannedFault(fault=fault, node=name, hold_s=hold) for name in names]


def _hold(fault: Fault, fleet: Fleet, asked: float | None) -> float:
    least = hold_s(fault, fleet)
    if asked is None:
        return least
    if not least:
        raise Usage(f"{fault} is over at once: it cannot last", fix="leave --for out")
    if asked < least:
        raise Usage(f"{fault} for {asked:g} s would be over before it is noticed", fix=f"--for {least:g}s, or longer")
    return asked


def _every(fleet: Fleet, nodes: Sequence[Node], release: Manifest | None) -> list[PlannedFault]:
    names = [node.name for node in nodes]
    given = [
        PlannedFault(fault=fault, node=name, hold_s=hold_s(fault, fleet), left_out=_left_out(fault, fleet, release))
        for fault, name in assign(ON_NODES, names)
    ]
    return [*given, PlannedFault(fault="hq-down", node=fleet.hub.name, hold_s=hold_s("hq-down", fleet))]


def _left_out(fault: Fault, fleet: Fleet, release: Manifest | None) -> str:
    if fault == "bad-release" and release is None:
        return NO_RELEASE
    if fault in RULES and rule_for(fault, fleet) is None:
        return f"the rule {RULES[fault]} is off in fleet.toml"
    return ""
