"""Links that one question leaves open for the next: a run does not connect anew to nodes that its plan asked."""

import asyncio

from noc.runs.site.link import Link

KEEP_S = 60.0
"""Seconds for which a link waits to be taken: about what a person needs to read a plan and say yes."""


class LinkPool:
    """Open links by what they lead to. Each is used by one at a time: who takes one has it alone."""

    def __init__(self, keep_s: float = KEEP_S) -> None:
        """Keep links for that many seconds; one that nobody took is closed then."""
        self._keep_s = keep_s
        self._kept: dict[tuple[str, ...], Link] = {}
        self._closing: dict[tuple[str, ...], asyncio.Task[None]] = {}

    def take(self, way: tuple[str, ...]) -> Link | None:
        """The link that was kept under these words, None for none."""
        if (task := self._closing.pop(way, None)) is not None:
            task.cancel()
        return self._kept.pop(way, None)

    async def keep(self, way: tuple[str, ...], link: Link) -> None:
        """Leave a link open; one that was kept there before is closed.

        Args:
            way: whatever has to be the same for the link to be of use.
            link: not used any more by who gives it.
        """
        if (before := self.take(way)) is not None:
            await before.close()
        link.kept = True
        self._kept[way] = link
        self._closing[way] = asyncio.create_task(self._close_later(way))

    async def close(self) -> None:
        """Close whatever is still kept."""
        for way in list(self._kept):
            if (link := self.take(way)) is not None:
                await link.close()

    async def _close_later(self, way: tuple[str, ...]) -> None:
        await asyncio.sleep(self._keep_s)
        link = self._kept.pop(way)
        del self._closing[way]
        await link.close()
