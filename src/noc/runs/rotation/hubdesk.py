"""The runner's end of the desk at which root lends HQ's next tunnel key (`noc.hub.hubkey`)."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

from noc.mesh.hubkey import Asked, Told, read_asked, read_told, write
from noc.runs.rotation.errors import RootSilent

ROOT_S = 10.0
_POLL_S = 0.05


class HubDesk:
    """Asks root, and reads what root tells.

    Args:
        asked: the runner's file.
        told: root's file.
    """

    def __init__(self, asked: Path, told: Path) -> None:
        """Nothing is asked yet."""
        self._asked, self._told = asked, told

    def ask(self, key: str, trial: str, within_s: float) -> None:
        """Ask for the next key (base64, public) on trial."""
        write(self._asked, Asked(key=key, trial=trial, within_s=within_s))

    def keep(self, key: str, trial: str) -> None:
        """Ask for it for good: from now on it stays, whoever is killed."""
        write(self._asked, Asked(key=key, trial=trial, keep=True))

    def withdraw(self) -> None:
        """Ask for nothing any more, which ends a trial."""
        self._asked.unlink(missing_ok=True)

    def end_trial(self) -> bool:
        """End a trial that a runner has left behind; returns whether there was one. What is to be kept stays asked."""
        asked = read_asked(self._asked)
        if asked is None or asked.keep:
            return False
        self.withdraw()
        return True

    async def until(self, wanted: Callable[[Told], bool], within_s: float = ROOT_S) -> Told:
        """Wait until what root tells is as wanted. Raises RootSilent."""
        end = time.monotonic() + within_s
        while (told := read_told(self._told)) is None or not wanted(told):
            if time.monotonic() >= end:
                why = "nothing was told" if told is None else f"the tunnel has {told.in_use[:8]}…"
                raise RootSilent(
                    "root's part of the rotation was not done", why=why, fix="on HQ: systemctl status noc-peers"
                )
            await asyncio.sleep(_POLL_S)
        return told
