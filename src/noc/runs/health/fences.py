"""The fence of every node: what each has seen, and telling each a higher one."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from noc.errors import NocError
from noc.fleet.inventory import Life
from noc.fleet.model import Node
from noc.hosts.activation import Activator, NodeFacts
from noc.runs.site.site import Site

Fences = dict[str, int | str]
"""By node: the highest fence number that it knows of, or why it could not be asked."""

_ACTED_ON = (Life.PROVISIONED, Life.LIVE)


async def fences(site: Site, names: Sequence[str], number: int | None = None) -> Fences:
    """Ask nodes for their fence, all at once, or tell it to them.

    Args:
        site: the fleet.
        names: nodes, or "all"; those that HQ has never provisioned are left out.
        number: what each is to refuse lower numbers than; None to ask alone.
    """
    selected = [node for node in site.fleet.select(names) if site.book.record(node.name).life in _ACTED_ON]
    question = _telling(number) if number is not None else _asking
    said = await asyncio.gather(*(_ask(site, node, question) for node in selected))
    return {node.name: answer for node, answer in zip(selected, said, strict=True)}


async def _asking(activator: Activator) -> NodeFacts:
    return await activator.facts()


def _telling(number: int) -> Callable[[Activator], Awaitable[NodeFacts]]:
    return lambda activator: activator.fence(number)


async def _ask(site: Site, node: Node, question: Callable[[Activator], Awaitable[NodeFacts]]) -> int | str:
    link = site.link(node)
    try:
        facts = await link.ask(question)
    except NocError as error:
        await link.close()
        return ": ".join(filter(None, (error.what, error.why)))
    await site.keep(node, link)
    return facts.fence
