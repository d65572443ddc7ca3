"""Provisioning: several machines at once, each walking its own steps; one that fails does not hold the others."""

import asyncio
from collections.abc import Sequence

from noc.errors import NocError
from noc.fleet.model import Node
from noc.release.store import Release
from noc.runs.provision.door import door_steps
from noc.runs.provision.node import NodeProvision
from noc.runs.record.events import Verdict
from noc.runs.record.run import Run
from noc.runs.record.steps import walk
from noc.runs.rollout.node import NodeRollout
from noc.runs.rollout.target import Target
from noc.runs.rollout.terms import Terms
from noc.runs.site.configuration import node_bundle
from noc.runs.site.site import Site

AT_ONCE = 8
STAGED_AT_ONCE = 4


async def provision(run: Run, site: Site) -> list[Verdict]:
    """Make the plan's nodes live.

    Args:
        run: its plan names nodes, release, and what was given by hand.
        site: the fleet.

    Returns:
        One verdict a node: `live`, `unchanged`, or the step at which it failed.

    Raises:
        WatchAbsent: no heartbeat could be seen, so that nothing was begun.
        UnknownRelease: the release is no longer in the store.
    """
    await site.watch.nodes()
    at_once, staging = asyncio.Semaphore(AT_ONCE), asyncio.Semaphore(STAGED_AT_ONCE)

    async def one(name: str) -> Verdict:
        async with at_once:
            return await _one(run, site, name, staging)

    verdicts = list(await asyncio.gather(*map(one, run.plan.nodes)))
    site.book.commit(run, run.plan.label())
    return verdicts


async def _one(run: Run, site: Site, name: str, staging: asyncio.Semaphore) -> Verdict:
    node, release = site.fleet.node(name), site.releases.get(run.plan.release or "")
    before, rollout = standing(site, name), first_rollout(run, site, node, release)
    work = NodeProvision(site, node, run.plan.options, rollout=rollout, release=release, staging=staging)
    try:
        *before_live, live = work.steps
        changed = await walk(run, name, (*before_live, *door_steps(site, node), live))
    except NocError as error:
        return Verdict(node=name, before=before, now=standing(site, name), verdict="failed", why=str(error))
    finally:
        await work.close()
    return Verdict(node=name, before=before, now=standing(site, name), verdict=_word(changed), good=True)


def first_rollout(run: Run, site: Site, node: Node, release: Release) -> NodeRollout:
    """What installs a release on a node that has none."""
    policy = site.fleet.policy
    terms = Terms(
        run=run.id,
        fence=run.fence,
        health_within_s=policy.health_deadline,
        longest_soak_s=policy.soak,
        confirm_within_s=policy.confirm_deadline,
        replace=True,
        check=run.check,
    )
    return NodeRollout(site, node, lambda _: _target(site, node, release), terms)


def _target(site: Site, node: Node, release: Release) -> Target:
    """The release, and the configuration that the steps before have installed: the node is to know it by its name."""
    bundle = node_bundle(site, node)
    return Target(release.sha256, bundle.sha256, release, bundle)


def standing(site: Site, name: str) -> str:
    """Where a node is in its life, with what it runs: `live 1.4.2 (7)`."""
    record = site.book.record(name)
    return f"{record.life} {site.label(record.release)}".strip()


def _word(changed: Sequence[str]) -> str:
    return "live" if changed else "unchanged"
