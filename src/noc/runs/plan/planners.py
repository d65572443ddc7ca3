"""Plans made from the fleet and from what is known of it, before any node is asked."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from noc.errors import Usage
from noc.fleet.inventory import Inventory, Life
from noc.fleet.model import Fleet, Node
from noc.release.manifest import Manifest
from noc.runs.errors import HubElsewhere, NothingToInstall
from noc.runs.plan.plan import Action, Options, Plan, Rules


def plan_deploy(
    fleet: Fleet,
    inventory: Inventory,
    manifest: Manifest | None,
    names: Sequence[str],
    now: datetime,
    *,
    configuration: bool = False,
    system: bool = False,
    canary: str | None = None,
    options: Options | None = None,
    rules: Rules | None = None,
) -> Plan:
    """Plan a rollout in the fleet's order; "all" stands for every node that runs the service.

    Args:
        fleet: the fleet file.
        inventory: what is known of the machines.
        manifest: the release, None where each node keeps its own.
        names: nodes, or "all".
        now: the time, UTC.
        configuration: give nodes the configuration that is rendered for them.
        system: give nodes the newest versions of their packages.
        canary: the node to begin with, None for the first in order.
        options: what a person said beside that.
        rules: how to proceed, None for the fleet's policy.

    Raises:
        NotFound: a name is not in the fleet.
        Usage: a named node was never provisioned, no node runs the service yet, or nothing is to change.
        HubElsewhere: HQ is to move, and the fleet file does not say so.
    """
    if manifest is None and not configuration and not system:
        raise Usage("nothing to deploy", fix="name a release, or give --config or --system")
    check_hub(fleet, options)
    nodes = running(fleet, inventory, names, canary)
    plan = _plan("deploy", nodes, manifest, options or Options(), now)
    plan = plan.model_copy(update={"configuration": configuration, "system": system})
    return _ruled(plan, fleet, rules).sealed()


def check_hub(fleet: Fleet, options: Options | None) -> None:
    """Hold the address that HQ is to move to against the fleet file, which is written by hand. Raises HubElsewhere."""
    new, said = options.hub if options else None, fleet.hub.address
    if new is not None and new != said:
        raise HubElsewhere(
            f"the fleet file says that HQ is at {said}",
            why=f"what nodes get is rendered from it, and {new} is not in it",
            fix=f'under [hub] in fleet.toml write: address = "{new}", and add {new} to rescue; then once more',
        )


def plan_os_update(
    fleet: Fleet, inventory: Inventory, names: Sequence[str], now: datetime, *, options: Options, rules: Rules
) -> Plan:
    """Plan the weekly update: the newest packages, and on NixOS the system of a new lock. Raises as `plan_deploy`."""
    plan = plan_deploy(fleet, inventory, None, names, now, system=True, options=options, rules=rules)
    return plan.model_copy(update={"action": "os-update"}).sealed()


def plan_backup(fleet: Fleet, inventory: Inventory, names: Sequence[str], now: datetime) -> Plan:
    """Plan to back up nodes' databases. Raises as `plan_rollback`."""
    return _plan("backup", running(fleet, inventory, names), None, Options(), now)


def plan_reboot(fleet: Fleet, inventory: Inventory, names: Sequence[str], now: datetime) -> Plan:
    """Plan to reboot the nodes that wait for it; which those are, each says itself. Raises as `plan_rollback`."""
    return _plan("reboot", running(fleet, inventory, names), None, Options(), now)


def plan_rollback(
    fleet: Fleet,
    inventory: Inventory,
    names: Sequence[str],
    now: datetime,
    *,
    options: Options | None = None,
    rules: Rules | None = None,
) -> Plan:
    """Plan to return nodes to the release that each had proven before; which one that is, each node says itself.

    Raises:
        NotFound, Usage: as `plan_deploy`.
    """
    plan = _plan("rollback", running(fleet, inventory, names), None, options or Options(), now)
    return _ruled(plan, fleet, rules).sealed()


def _ruled(plan: Plan, fleet: Fleet, rules: Rules | None) -> Plan:
    """The plan of a rollout with its rules, and its nodes region by region where they say so, the first one's first."""
    rules = rules or Rules.read(fleet, {}, len(plan.nodes))
    if rules.waves == "fleet":
        return plan.model_copy(update={"rules": rules})
    of = {node.name: fleet.region(node) for node in fleet.nodes}
    places = {region: place for place, region in enumerate(dict.fromkeys(of[name] for name in plan.nodes))}
    nodes = tuple(sorted(plan.nodes, key=lambda name: places[of[name]]))
    return plan.model_copy(update={"rules": rules, "nodes": nodes, "regions": tuple(of[name] for name in nodes)})


def running(fleet: Fleet, inventory: Inventory, names: Sequence[str], canary: str | None = None) -> list[Node]:
    """The nodes of a rollout in the fleet's order, the canary first; "all" stands for every one that runs the service.

    Raises:
        NotFound: a name is not in the fleet.
        Usage: a named node was never provisioned, no node runs the service yet, or the canary is none of them.
    """
    selected = fleet.select(names)
    serving = (Life.PROVISIONED, Life.LIVE)
    found = [node for node in selected if inventory.record(node.name).life in serving]
    idle = [node.name for node in selected if inventory.record(node.name).life not in serving]
    if idle and "all" not in names:
        raise Usage(f"{', '.join(idle)}: not provisioned yet", fix=f"noc provision {' '.join(idle)}")
    if not found:
        raise Usage("no node runs the service yet", fix="noc provision NODE makes one")
    if canary is not None and canary not in {node.name for node in found}:
        raise Usage(f"{canary} cannot be the canary", why="it is not among the nodes of this rollout")
    return sorted(found, key=lambda node: node.name != canary)


def plan_provision(
    fleet: Fleet,
    inventory: Inventory,
    manifests: Sequence[Manifest],
    names: Sequence[str],
    now: datetime,
    *,
    chosen: Manifest | None = None,
    options: Options | None = None,
) -> Plan:
    """Plan to make nodes live, with the release that the fleet runs unless another is chosen.

    Args:
        fleet: the fleet file.
        inventory: what is known of the machines.
        manifests: the releases in the store, newest build first.
        names: nodes, or "all" for every one that is not retired.
        now: the time, UTC.
        chosen: the release to install, None for the fleet's.
        options: addresses and host keys given by hand.

    Raises:
        NotFound: a name is not in the fleet.
        Usage: a node is retired, or an option is given for a node that is not provisioned here.
        NothingToInstall: the store is empty.
    """
    options = options or Options()
    selected = fleet.select(names)
    retired = [node.name for node in selected if inventory.record(node.name).life is Life.RETIRED]
    if retired and "all" not in names:
        raise Usage(f"{', '.join(retired)} is retired", fix="set its life in inventory.toml back to planned first")
    nodes = [node for node in selected if node.name not in retired]
    if stray := (set(options.address) | set(options.host_key)) - {node.name for node in nodes}:
        raise Usage(f"an option names {min(stray)}, which is not provisioned here")
    manifest = chosen or running_release(inventory, manifests)
    if manifest is None:
        raise NothingToInstall("no release in the store", fix="noc release add DIR on HQ")
    return _plan("provision", nodes, manifest, options, now)


def plan_keygen(fleet: Fleet, inventory: Inventory, names: Sequence[str], now: datetime) -> Plan:
    """Plan a rotation of tunnel keys.

    Raises:
        NotFound: a name is not in the fleet.
        Usage: a node has no tunnel yet.
    """
    nodes = fleet.select(names)
    if fresh := [node.name for node in nodes if inventory.record(node.name).wireguard_key is None]:
        raise Usage(
            f"{', '.join(fresh)}: no tunnel to rotate a key of",
            why="the pair is made on the node, over its verified SSH channel",
            fix=f"noc provision {' '.join(fresh)}",
        )
    return _plan("keygen", nodes, None, Options(), now)


def plan_dns(fleet: Fleet, now: datetime, *, options: Options | None = None) -> Plan:
    """Plan to bring the zone to what the fleet needs; which records that takes, the zone itself says."""
    return _plan("dns", fleet.nodes, None, options or Options(), now)


def plan_apex(
    fleet: Fleet, inventory: Inventory, names: Sequence[str], now: datetime, *, options: Options | None = None
) -> Plan:
    """Plan to let a node answer for the domain itself, with those that `[routing]` wants led to, and no others.

    Raises:
        NotFound: no node is called so.
        Usage: several are named, or the node is not live, has no IPv4 address, or is not one that `[routing]` names.
    """
    nodes = fleet.select(names)
    if len(nodes) != 1 or "all" in names:
        raise Usage("one node answers for the domain itself", fix="noc dns apex NODE")
    (node,) = nodes
    if inventory.record(node.name).life is not Life.LIVE:
        raise Usage(f"{node.name} is not live", fix=f"noc provision {node.name}")
    if inventory.record(node.name).address is None:
        raise Usage(f"{node.name} has no IPv4 address", why="the domain is proven at the node's own address first")
    routable = inventory.routable(fleet)
    if fleet.routing.by_latency and node not in routable:
        what = f"{node.name} is not among the nodes that [routing] leads {fleet.domain} to"
        raise Usage(what, fix="name it there, or one of those here")
    answering = [each for each in fleet.nodes if each.name in inventory.answers_apex or each in routable]
    others = [each for each in answering if each is not node]
    return _plan("apex", [node, *others], None, options or Options(), now)


def plan_rescue(fleet: Fleet, inventory: Inventory, names: Sequence[str], now: datetime) -> Plan:
    """Plan to bring nodes back into the tunnel.

    Raises:
        NotFound: a name is not in the fleet.
        Usage: a node never had a tunnel.
    """
    nodes = fleet.select(names)
    if fresh := [node.name for node in nodes if inventory.record(node.name).wireguard_key is None]:
        fix = f"noc provision {' '.join(fresh)}"
        raise Usage(f"{', '.join(fresh)}: it never had a tunnel that could be brought back", fix=fix)
    return _plan("rescue", nodes, None, Options(), now)


def plan_move(fleet: Fleet, inventory: Inventory, names: Sequence[str], now: datetime, *, options: Options) -> Plan:
    """Plan to write down that machines have other public addresses.

    Raises:
        NotFound: a name is not in the fleet.
        Usage: a node was never provisioned, or no new address is given for it.
    """
    nodes = fleet.select(names)
    idle = [node.name for node in nodes if inventory.record(node.name).life not in (Life.PROVISIONED, Life.LIVE)]
    if idle:
        raise Usage(f"{', '.join(idle)} was never provisioned", fix=f"noc provision {' '.join(idle)} --ip ADDRESS")
    if unsaid := [node.name for node in nodes if node.name not in options.address]:
        raise Usage(f"no new address is given for {', '.join(unsaid)}", fix="noc move NODE --ip ADDRESS")
    return _plan("move", nodes, None, options, now)


def running_release(inventory: Inventory, manifests: Sequence[Manifest]) -> Manifest | None:
    """The release that most live nodes were last proven to run, the newest build where none does, None without any."""
    known = {manifest.sha256: manifest for manifest in manifests}
    votes = Counter(record.release for record in inventory.nodes.values() if record.life is Life.LIVE)
    for sha, _count in votes.most_common():
        if sha in known:
            return known[sha]
    return max(manifests, key=lambda manifest: manifest.build, default=None)


def _plan(action: Action, nodes: Sequence[Node], manifest: Manifest | None, options: Options, now: datetime) -> Plan:
    return Plan(
        action=action,
        nodes=tuple(node.name for node in nodes),
        release=manifest.sha256 if manifest else None,
        version=manifest.version if manifest else None,
        build=manifest.build if manifest else None,
        options=options,
        created=now,
    ).sealed()
