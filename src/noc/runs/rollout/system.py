"""A node's system in a rollout: what an update would change there, as a plan shows it."""

import os
from pathlib import Path
from typing import Any

from noc.fleet.model import Node
from noc.hosts.activation import NodeFacts, Outdated
from noc.hosts.bundle import Bundle
from noc.runs.plan.plan import PackageChange
from noc.runs.record.tame import tame
from noc.runs.site.link import Link
from noc.runs.site.systems import NIXOS


async def outdated(node: Node, link: Link) -> Outdated | None:
    """Ask a node what its archive offers it; nothing of its system is changed by that.

    Returns:
        None where its system is no packages: on NixOS it is part of the configuration.

    Raises:
        ActivationRefused: its packaging tools refuse to tell.
        ConnectionLost, Overdue, Unreachable: it could not be asked.
    """
    return None if node.platform == NIXOS else await link.ask(lambda activator: activator.outdated())


def system_of(bundle: Bundle | None, facts: NodeFacts) -> Outdated | None:
    """What a configuration's NixOS system leaves to a reboot of its node; None where it holds no system."""
    if bundle is None or bundle.closure is None:
        return None
    system = Path(bundle.closure)
    links = {part: os.readlink(system / part) for part in facts.booted if (system / part).is_symlink()}  # noqa: PTH115
    return Outdated(
        set=None,
        packages=(),
        reboot=tuple(part for part, leads in links.items() if leads != facts.booted[part]),
    )


def waiting(facts: NodeFacts, offered: Outdated) -> tuple[str, ...]:
    """What an earlier update has left to do on a node, in words; nothing where this one leaves the same."""
    left = [part for part in facts.reboot if part not in offered.reboot]
    return (tame(f"needs a reboot since an earlier update: {', '.join(left)}"),) if left else ()


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
