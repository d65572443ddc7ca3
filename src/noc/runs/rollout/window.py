"""The window at the watch: while it stands, deaths of a node belong to a run and page nobody."""

import logging
from datetime import UTC, datetime, timedelta

from noc.runs.errors import WatchAbsent
from noc.runs.site.watchdoor import WatchDoor

log = logging.getLogger(__name__)


class Window:
    """The window of one node. Nobody being told, an end of the runner leaves it to expire."""

    def __init__(self, watch: WatchDoor, node: str, run: str, seconds: float) -> None:
        """Prepare a window of that many seconds, in which all that may follow has to be over."""
        self._watch, self._node, self._run, self._seconds = watch, node, run, seconds

    async def open(self) -> None:
        """Open it, or prolong it: it stands for its seconds from now.

        Raises:
            WatchAbsent: the watch does not know it, and would page.
        """
        until = datetime.now(UTC) + timedelta(seconds=self._seconds)
        await self._watch.open_deployment(self._node, self._run, until)

    async def close(self) -> None:
        """Tell the watch that the node is judged again; where it does not answer, the window expires by itself."""
        try:
            await self._watch.close_deployment(self._node)
        except WatchAbsent as error:
            log.warning("the deployment of %s stays open at the watch until it expires: %s", self._node, error)
