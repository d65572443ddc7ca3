"""What every rotation does with nodes: one after the other, whoever is down left out, the first failure the last."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final

from noc.errors import NocError
from noc.fleet.inventory import Inventory
from noc.fleet.model import Node
from noc.fleet.rotating import Secret
from noc.hosts.shell import Shell
from noc.runs.record.events import Verdict
from noc.runs.record.run import Run
from noc.runs.rollout.node import AWAY
from noc.runs.rotation.plans import unsettled
from noc.runs.site.hqkeys import HOST_CA, SSH_KEY, same_key
from noc.runs.site.link import Link
from noc.runs.site.site import Site

OF_HQ: Final[Mapping[Secret, str]] = {"ssh": SSH_KEY, "ca": HOST_CA}
SKIPPED, UNTOUCHED, UNCHANGED = "skipped", "untouched", "unchanged"
OLD, BOTH, NEW = "old", "old and new", "new"


async def one_after_the_other(
    run: Run, site: Site, names: Sequence[str], work: Callable[[Node], Awaitable[Verdict]]
) -> list[Verdict]:
    """Take nodes in order.

    Args:
        run: its plan says which of them have nothing to do.
        site: the fleet.
        names: the nodes.
        work: rotates on one; raises where that did not work.

    Returns:
        A verdict for each: of `work`, `unchanged`, `skipped` where it cannot be reached, or `untouched` behind the
        first that failed.
    """
    secret = run.plan.options.secret
    assert secret is not None
    planned = {row.node: row.state for row in run.plan.rows}
    verdicts: list[Verdict] = []
    failed = False
    for name in names:
        before = standing(secret, site.book.inventory, name)
        if planned.get(name) == "unchanged":
            verdicts.append(Verdict(node=name, before=before, now=before, verdict=UNCHANGED, good=True))
            continue
        if failed:
            verdicts.append(Verdict(node=name, before=before, now=before, verdict=UNTOUCHED))
            continue
        try:
            verdicts.append(await work(site.fleet.node(name)))
        except AWAY as error:
            now = standing(secret, site.book.inventory, name)
            verdicts.append(Verdict(node=name, before=before, now=now, verdict=SKIPPED, why=str(error)))
        except NocError as error:
            failed = True
            now = standing(secret, site.book.inventory, name)
            verdicts.append(Verdict(node=name, before=before, now=now, verdict="not rotated", why=str(error)))
    return verdicts


async def reached(link: Link) -> Shell:
    """The connection to a node, made anew where one that was kept open broke unseen.

    Raises:
        Unreachable, ConnectionLost, Overdue: the node is away.
    """
    await link.ask(lambda activator: activator.facts())
    return await link.shell()


def standing(secret: Secret, inventory: Inventory, name: str) -> str:
    """What counts for a node, in words: the old one, both, or the new one once a rotation is through with it."""
    record = inventory.record(name)
    if not unsettled(secret, record):
        return NEW if secret in record.rotated else OLD
    not_made = {"push-token": record.push_token_sha256_before == record.push_token_sha256}
    if not_made.get(secret, False):
        return OLD
    if (kind := OF_HQ.get(secret)) is not None:
        coming = getattr(inventory.hub, f"{kind}_next") or getattr(inventory.hub, kind)
        return BOTH if same_key(getattr(record, kind), coming) else OLD
    return BOTH
