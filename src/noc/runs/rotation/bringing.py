"""A node's configuration as it is rendered now, brought by the activator's own order: it goes back by itself."""

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


async def bring(run: Run, site: Site, node: Node, order: str, *, restart: bool = False) -> str | None:
    """Give a node its configuration, and with it a service that was started anew.

    Args:
        run: which run orders it.
        site: the fleet.
        node: the node.
        order: the change's name, of this run alone.
        restart: order it also where the configuration is on the node already.

    Returns:
        The process that answers now, by its boot id; None where nothing was to do.

    Raises:
        Unreachable: the node is away.
        NodeBlocked, StageRefused, ActivationRefused, WatchAbsent: nothing was changed.
        NotProven: it went back to what it had.
    """
    if node.platform == NIXOS:
        await site.systems.make(flake(site), node.name)
    bundle = node_bundle(site, node)
    rollout = NodeRollout(site, node, lambda _: Target(None, bundle.sha256, None, bundle), _terms(run, site))
    try:
        looked = _here(await rollout.preflight(), node)
        if looked.state is State.SKIPPED and not restart:
            return None
        _here(await rollout.stage(), node)
        return await _ordered(rollout, order)
    finally:
        await rollout.leave()


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


async def _ordered(rollout: NodeRollout, order: str) -> str | None:
    change = rollout.change(order)
    try:
        begun = await change.begin()
        await change.prove()
        await change.confirm()
    except (ActivationRefused, WatchAbsent):
        raise
    except NocError as error:
        # Skipped where the node has heard our yes, and only its answer was lost.
        if (await change.revert(str(error))).state is not State.SKIPPED:
            raise NotProven(f"{rollout.name} went back to what it had", why=str(error)) from error
        return None
    finally:
        await change.close()
        await change.window.close()
    boot = begun.detail.get("health", {}).get("boot_id")
    return str(boot) if boot else None
