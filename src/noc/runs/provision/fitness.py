"""Can a machine become a node? Pure judgement over facts that were read."""

from noc.hosts.platform import Facts
from noc.runs.health.checks import WORST_CLOCK_S

LEAST_MEMORY = 256 * 1024 * 1024
LEAST_DISK = 512 * 1024 * 1024


def unfit(facts: Facts) -> tuple[str, ...]:
    """Why a machine cannot become a node, in words; empty when it can.

    Args:
        facts: what the machine says of itself.
    """
    checks = (
        (facts.has_systemd, "systemd does not run it"),
        (facts.memory_total >= LEAST_MEMORY, f"{facts.memory_total >> 20} MiB memory, {LEAST_MEMORY >> 20} needed"),
        (facts.disk_free >= LEAST_DISK, f"{facts.disk_free >> 20} MiB free on its disk, {LEAST_DISK >> 20} needed"),
        (abs(facts.clock_offset_s) <= WORST_CLOCK_S, f"its clock is off by {facts.clock_offset_s:.0f} s"),
    )
    return tuple(words for holds, words in checks if not holds)
