"""Nodes that HQ's tunnel key is waiting for, and those that it was switched without."""

from collections.abc import Iterator

from noc.runs.doctor.care import Care
from noc.runs.doctor.line import Line
from noc.runs.rotation.plans import RUNNING

WHAT = "hub rotation"


def hub_key_lines(care: Care) -> Iterator[Line]:
    """A line for each node that has not heard of HQ's next key, and for each that has HQ's old one alone."""
    following = care.inventory.hub.wireguard_key_next
    for node in care.fleet.nodes:
        record, name = care.inventory.record(node.name), node.name
        if record.life not in RUNNING:
            continue
        if record.hub_key is not None:
            says = "HQ's tunnel key was switched without it, and it knows the old one alone"
            yield Line(name, WHAT, "wrong", says, f"noc rescue {name}")
        elif following is not None and record.hub_key_next != following:
            says = "HQ's next tunnel key waits for it: it goes on once the node is back"
            yield Line(name, WHAT, "due", says, f"sudo noc rotate hub --without {name} goes on without it")
