"""What every rotation does with nodes: one after the other, whoever is down left out, the first failure the last."""

from collections.abc import Awaitable, Callable, Sequence

from noc.errors import NocError
from noc.fleet.inventory import NodeRecord
from noc.fleet.model import Node
from noc.fleet.rotating import Secret
from noc.runs.record.events import Verdict
from noc.runs.record.run import Run
from noc.runs.rollout.node import AWAY
from noc.runs.rotation.plans import unsettled
from noc.runs.site.site import Site

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
        before = standing(secret, site.book.record(name))
        if planned.get(name) == "unchanged":
            verdicts.append(Verdict(node=name, before=before, now=before, verdict=UNCHANGED, good=True))
            continue
        if failed:
            verdicts.append(Verdict(node=name, before=before, now=before, verdict=UNTOUCHED))
            continue
        try:
            verdicts.append(await work(site.fleet.node(name)))
        except AWAY as error:
            now = standing(secret, site.book.record(name))
            verdicts.append(Verdict(node=name, before=before, now=now, verdict=SKIPPED, why=str(error)))
        except NocError as error:
            failed = True
            now = standing(secret, site.book.record(name))
            verdicts.append(Verdict(node=name, before=before, now=now, verdict="not rotated", why=str(error)))
    return verdicts


def standing(secret: Secret, record: NodeRecord) -> str:
    """What counts for a node, in words: both, until a rotation is through with it."""
    return BOTH if unsettled(secret, record) else NEW if secret in record.rotated else OLD
