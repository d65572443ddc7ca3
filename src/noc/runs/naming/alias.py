"""One node's configuration brought to what is rendered for it, as in a rollout: proven, or taken back by the node."""

import asyncio
from collections.abc import Sequence

from noc.errors import NocError
from noc.fleet.model import Node
from noc.runs.errors import NotProven
from noc.runs.record.events import State
from noc.runs.record.run import Run
from noc.runs.rollout.change import Change
from noc.runs.rollout.node import NodeRollout
from noc.runs.rollout.target import Target
from noc.runs.rollout.terms import Terms
from noc.runs.site.configuration import node_bundle
from noc.runs.site.site import Site


async def reconfigure(run: Run, site: Site, node: Node) -> Sequence[str]:
    """Give a node the configuration that is rendered for it now.

    Args:
        run: the run; nothing is begun once it may not act any more.
        site: the fleet.
        node: the node.

    Returns:
        What was changed, in words; nothing where it has it already.

    Raises:
        NotProven: it did not take it, and has turned back.
        NodeBlocked, StageRefused, ActivationRefused, WatchAbsent: nothing was changed.
    """
    rollout = NodeRollout(site, node, lambda _: _target(site, node), _terms(run, site))
    try:
        looked = await rollout.preflight()
        if "outcome" in looked.detail:
            raise NotProven(f"{node.name} cannot be reached", why=looked.detail["why"], fix=f"noc health {node.name}")
        if looked.state is State.SKIPPED:
            return []
        await rollout.stage()
        await _changed(rollout.change(), site.fleet.policy.soak)
    finally:
        await rollout.leave()
    return [f"names of {node.name}'s proxy"]


async def _changed(change: Change, soak_s: float) -> None:
    try:
        await _carry_out(change, soak_s)
    except NocError as error:
        # Skipped where the node has heard our yes, and only its answer was lost.
        if not change.begun or (await change.revert(str(error))).state is not State.SKIPPED:
            raise
    finally:
        await asyncio.gather(change.close(), change.window.close())


async def _carry_out(change: Change, soak_s: float) -> None:
    await change.begin()
    await change.prove()
    await change.soak(soak_s)
    await change.confirm()


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


def _target(site: Site, node: Node) -> Target:
    bundle = node_bundle(site, node)
    return Target(config=bundle.sha256, bundle=bundle)
