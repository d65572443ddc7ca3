"""A node's packages in a rollout: what an update would change there, as a plan shows it."""

from typing import Any

from noc.fleet.model import Node
from noc.hosts.activation import Outdated
from noc.runs.plan.plan import PackageChange
from noc.runs.record.tame import tame
from noc.runs.rollout.errors import SystemElsewhere
from noc.runs.site.link import Link

PLATFORMS = frozenset({"debian"})
"""Platforms whose system is packages that have versions of their own."""


async def outdated(node: Node, link: Link) -> Outdated:
    """Ask a node what its archive offers it; nothing of its system is changed by that.

    Raises:
        SystemElsewhere: its platform has no packages that could be updated.
        ActivationRefused: its packaging tools refuse to tell.
        ConnectionLost, Overdue, Unreachable: it could not be asked.
    """
    if node.platform not in PLATFORMS:
        what, why = f"{node.name} has no packages to update", f"its platform is {node.platform}"
        raise SystemElsewhere(what, why=why, fix=f"noc deploy {node.name} --config brings its system")
    return await link.ask(lambda activator: activator.outdated())


def as_planned(offered: Outdated) -> dict[str, Any]:
    """The fields of a node's plan that tell of its packages."""
    packages = tuple(PackageChange(name=p.name, old=p.old, new=p.new) for p in offered.packages)
    return {
        "system": offered.set,
        "packages": packages,
        "download": sum(package.bytes for package in offered.packages),
        "reboot": offered.reboot,
    }


def notes(offered: Outdated) -> tuple[str, ...]:
    """What a person may want to know of an update, in words."""
    kept = f"not updated, since other packages would have to go for it: {', '.join(offered.kept)}"
    reboot = f"needs a reboot afterwards: {', '.join(offered.reboot)}"
    return tuple(tame(words) for words, holds in ((kept, offered.kept), (reboot, offered.reboot)) if holds)
