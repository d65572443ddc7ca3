"""Which node bears which fault, and what goes on at the same time. Pure."""

from collections.abc import Sequence
from typing import Final

from noc.runs.drill.faults import SILENT
from noc.runs.plan.plan import Fault, PlannedFault

ON_NODES: Final[tuple[Fault, ...]] = ("reboot", "cut", "disk-full", "kill", "clock", "bad-release")
"""Faults of nodes in the order in which `all` gives them out: what lasts longest comes first."""
MOST_SILENT: Final = 2


def assign(faults: Sequence[Fault], nodes: Sequence[str]) -> list[tuple[Fault, str]]:
    """Give each fault a node, none a second one before each has one.

    Args:
        faults: each once.
        nodes: at least one.
    """
    return [(fault, nodes[number % len(nodes)]) for number, fault in enumerate(faults)]


def waves(planned: Sequence[PlannedFault]) -> list[list[PlannedFault]]:
    """Faults that may go on side by side, wave by wave: one a node, two silent nodes at most, HQ's absence alone.

    Args:
        planned: what is not left out.
    """
    made: list[list[PlannedFault]] = []
    for fault in planned:
        if fault.fault != "hq-down" and made and _fits(fault, made[-1]):
            made[-1].append(fault)
        else:
            made.append([fault])
    return made


def _fits(fault: PlannedFault, wave: Sequence[PlannedFault]) -> bool:
    if any(each.node == fault.node or each.fault == "hq-down" for each in wave):
        return False
    return fault.fault not in SILENT or sum(each.fault in SILENT for each in wave) < MOST_SILENT
