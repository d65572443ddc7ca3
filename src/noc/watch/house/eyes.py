"""Everything that HQ looks at by itself, beside the pushes that come to it: as one part of the running watch."""

import asyncio

from noc.watch.house.deadman import DeadMan
from noc.watch.house.house import House
from noc.watch.house.outside import Outside
from noc.watch.service.watch import Watch
from noc.watch.witness.witness import Witness


class Eyes:
    """The second witness, HQ's own telemetry, its way out, and its sign of life to somebody outside."""

    def __init__(self, watch: Watch) -> None:
        """Take the watch that hears of all of it."""
        self._witness = Witness(lambda: watch.config, watch.witnessed)
        self._outside = Outside(lambda: watch.config, watch.outside)
        self._house = House(watch, watch.house)
        self._dead_man = DeadMan(lambda: watch.config, self._house.ailing)
        self._house.ages = {"witness_age_s": self._witness.silence, "dead_man_age_s": self._dead_man.silent_s}
        watch.suspects.append(self._suspect)

    async def run(self) -> None:
        """Look until cancelled; raises what a part of it failed with."""
        async with asyncio.TaskGroup() as group:
            for work in (self._witness.run(), self._outside.run(), self._house.run(), self._dead_man.run()):
                group.create_task(work)

    def _suspect(self, node: str) -> None:
        """Something speaks against a node: look at it, and at our own way out, now."""
        self._witness.suspect(node)
        self._outside.suspect()
