"""One node's configuration brought to what is rendered for it now, outside a rollout: proven, or taken back by it."""

from dataclasses import dataclass

from noc.errors import NocError
from noc.fleet.model import Node
from noc.hosts.errors import ActivationRefused, Unreachable
from noc.runs.errors import NotProven, WatchAbsent
from noc.runs.record.events import State
from noc.runs.record.run import Run
from noc.runs.rollout.node import NodeRollout
from noc.runs.rollout.outcome import Outcome
from noc.runs.rollout.phases import DOWN
from noc.runs.rollout.target import Target
from noc.runs.rollout.terms import Terms
from noc.runs.site.configuration import node_bundle
from noc.runs.site.site import Site
from noc.runs.site.systems import NIXOS, flake


@dataclass(frozen=True)
class Brought:
    """A configuration that is in place and proven; `boot` names the process that answers now, None where unknown."""

    boot: str | None


async def bring(
    run: Run, site: Site, node: Node, *, order: str | None = None, restart: bool = False, soak_s: float = 0
) -> Brought | None:
    """Give a node its configuration, and with it a service that was started anew.

    A NixOS node's is its system, which is made first of what is derived now.

    Args:
        run: which run orders it; nothing is begun once it may not act any more.
        site: the fleet.
        node: the node.
        order: the change's name, of this run alone; None for the run's own.
        restart: order it also where the configuration is on the node already.
        soak_s: seconds for which it has to stay steady before it is confirmed.

    Returns:
        What came of it; None where nothing was to do.

    Raises:
        Unreachable: the node is away.
        NodeBlocked, StageRefused, ActivationRefused, WatchAbsent, ClosureMissing, BuildFailed: nothing was changed.
        NotProven: it went back to what it had.
    """
    if node.platform == NIXOS:
        site.book.render(site.fleet)
        await site.systems.make(flake(site), node.name)
    bundle = node_bundle(site, node)
    rollout = NodeRollout(site, node, lambda _: Target(None, bundle.sha256, None, bundle), _terms(run, site))
    try:
        looked = _here(await rollout.preflight(), node)
        if looked.state is State.SKIPPED and not restart:
            return None
        _here(await rollout.stage(), node)
        brought = await _ordered(rollout, order, soak_s)
    finally:
        await rollout.leave()
    if node.platform == NIXOS:
        await _keep(run, site, node)
    return brought


async def _keep(run: Run, site: Site, node: Node) -> None:
    """Keep its system in HQ's store; a failure takes nothing back of what is proven."""
    try:
        await site.systems.proven(node.name)
    except NocError as error:
        run.record("collect", State.FAILED, error=error.as_dict())


def _terms(run: Run, site: Site) -> Terms:
    policy = site.fleet.policy
    return Terms(
        run=run.id,
        fence=run.fence,
        health_within_s=policy.health_deadline,
        longest_soak_s=policy.soak,
        confirm_within_s=policy.confirm_deadline,
        check=run.check,
    )


def _here(outcome: Outcome, node: Node) -> Outcome:
    if outcome.detail.get("outcome") == DOWN:
        raise Unreachable(f"{node.name} cannot be reached", why=str(outcome.detail.get("why", "")))
    return outcome


async def _ordered(rollout: NodeRollout, order: str | None, soak_s: float) -> Brought:
    change = rollout.change(order)
    try:
        begun = await change.begin()
        await change.prove()
        if soak_s:
            await change.soak(soak_s)
        await change.confirm()
    except (ActivationRefused, WatchAbsent):
        raise
    except NocError as error:
        # Skipped where the node has heard our yes, and only its answer was lost.
        if (await change.revert(str(error))).state is not State.SKIPPED:
            raise NotProven(f"{rollout.name} went back to what it had", why=str(error)) from error
        return Brought(None)
    finally:
        await change.close()
        await change.window.close()
    boot = begun.detail.get("health", {}).get("boot_id")
    return Brought(str(boot) if boot else None)
