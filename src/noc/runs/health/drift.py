"""Drift: nodes are held against what is rendered for them now, and each path that differs is named."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from noc.errors import NocError
from noc.fleet.inventory import Life
from noc.fleet.model import Node
from noc.runs.record.tame import tame
from noc.runs.site.configuration import differences, node_bundle
from noc.runs.site.site import Site

AT_ONCE = 8
ANSWER_S = 20.0
"""Seconds for one node to be reached and to hash its files."""


async def drift(site: Site, names: Sequence[str]) -> dict[str, Any]:
    """Hold nodes against their rendered configuration; nothing is changed by looking.

    Args:
        site: the fleet.
        names: nodes, or "all".

    Returns:
        `{"at", "nodes": [{"node", "state", "paths": [path…], "reboot": [part…], "why"}], "pending": [name…]}`. `state`
        is one of `same`, `differs`, and `unknown` for a node that could not be looked at, which is never counted as
        same; `reboot` is what runs in its old version until the machine starts anew. Nodes that are not live yet are
        pending and not looked at, unless they are asked for by name.

    Raises:
        NotFound: a name is not in the fleet.
    """
    selected = site.fleet.select(names)
    judged = [node for node in selected if "all" not in names or site.book.record(node.name).life is Life.LIVE]
    at_once = asyncio.Semaphore(AT_ONCE)

    async def one(node: Node) -> dict[str, Any]:
        async with at_once:
            return await _row(site, node)

    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "nodes": await asyncio.gather(*map(one, judged)),
        "pending": [node.name for node in selected if node not in judged],
    }


async def _row(site: Site, node: Node) -> dict[str, Any]:
    state, why, paths, reboot = "unknown", "", tuple[str, ...](), tuple[str, ...]()
    try:
        paths, reboot = await _look(site, node)
        state = "differs" if paths else "same"
    except NocError as error:
        why = str(error)
    except TimeoutError:
        why = f"no answer within {ANSWER_S:g} s"
    return {"node": node.name, "state": state, "paths": tame(paths), "reboot": list(tame(reboot)), "why": tame(why)}


async def _look(site: Site, node: Node) -> tuple[tuple[str, ...], tuple[str, ...]]:
    bundle, link = node_bundle(site, node), site.link(node)
    try:
        async with asyncio.timeout(ANSWER_S):
            found = await differences(link, bundle), (await link.ask(lambda activator: activator.facts())).reboot
    except BaseException:
        await link.close()
        raise
    await site.keep(node, link)
    return found
