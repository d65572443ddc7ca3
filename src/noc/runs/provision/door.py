"""The end of a machine's provisioning at a cloud: its door shut, its CPU credit as its price was calculated for."""

import asyncio
from collections.abc import Sequence

from noc.cloud.ec2.launch import settle
from noc.fleet.model import Node
from noc.runs.record.steps import Step
from noc.runs.site.cloud import PROVIDER, has_account, owned
from noc.runs.site.site import Site


def door_steps(site: Site, node: Node) -> tuple[Step, ...]:
    """One step for a node at the cloud where HQ has an account there; a machine that carries no tag of ours is left."""
    if node.provider != PROVIDER or node.region is None or not has_account(site):
        return ()

    async def shut() -> Sequence[str]:
        told: list[str] = []
        await asyncio.to_thread(settle, owned(site, node, told.append))
        return told

    return (Step("door", 120, shut),)
