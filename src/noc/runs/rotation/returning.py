"""Nodes that were down while a secret was made anew are caught up once they are back, by a run of the runner's own.

Somebody has agreed to the rotation; what is left of it is done under that word, for nodes that its last run could not
reach, at most every five minutes. A node on which it failed, or a run that was stopped, is for a person to go on with.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, get_args

from noc.errors import NocError
from noc.fleet.inventory import Inventory, load_inventory
from noc.fleet.rotating import Secret
from noc.runs.paths import Paths
from noc.runs.record.journal import read, run_ids
from noc.runs.rollout.catchup import LOOK_S, RETRY_S, heard_again
from noc.runs.rotation.plans import ALL_AT_ONCE, RUNNING, lacks_list, unsettled

SIGNER: Final[Secret] = "signer"
AWAY: Final = frozenset({"skipped", "waits"})
"""Verdicts of nodes that a run could not reach."""
_REMEMBERED_RUNS = 100

log = logging.getLogger(__name__)


def behind(inventory: Inventory) -> Iterator[tuple[Secret, tuple[str, ...]]]:
    """The nodes with which a rotation that was begun is not through, by the secret."""
    for secret in get_args(Secret):
        if names := tuple(name for name, _ in inventory.nodes.items() if _is_behind(secret, inventory, name)):
            yield secret, names


def _is_behind(secret: Secret, inventory: Inventory, name: str) -> bool:
    record, following = inventory.record(name), inventory.hub.wireguard_key_next
    if record.life not in RUNNING:
        return False
    if secret in ALL_AT_ONCE and following is not None:
        return record.hub_key_next != following
    if secret == SIGNER:
        return lacks_list(inventory, name)
    return unsettled(secret, record)


def missed_by(runs: Path, secret: Secret, names: tuple[str, ...]) -> tuple[str | None, tuple[str, ...]]:
    """The newest run that rotated a secret, and those of some nodes that it could not reach; None where there is none.

    Args:
        runs: the directory of the runs.
        secret: the secret.
        names: the nodes.
    """
    for run in run_ids(runs)[:_REMEMBERED_RUNS]:
        try:
            events = read(runs, run)
        except NocError:
            continue
        if events and events[-1].is_last and _rotates(events[0].detail.get("plan", {}), secret):
            rows = events[-1].detail.get("verdicts", [])
            return run, tuple(row["node"] for row in rows if row["node"] in names and row["verdict"] in AWAY)
    return None, ()


def _rotates(plan: dict[str, Any], secret: Secret) -> bool:
    kind = plan.get("options", {}).get("secret") if plan.get("action") == "rotate" else None
    return (kind or ("wg" if plan.get("action") == "keygen" else None)) == secret


@dataclass(frozen=True)
class Missed:
    """Nodes that are back, the secret of theirs that is not rotated, and the run that could not reach them."""

    secret: Secret
    nodes: tuple[str, ...]
    run: str

    @property
    def by(self) -> str:
        """In whose name it is gone on with."""
        return f"runner (catch-up of {self.run})"


class Returning:
    """Looks for nodes that are back, and has the rotations gone on with that wait for them.

    Args:
        paths: where fleet, watch and journals lie.
        begin: goes on with one rotation, and returns at its end.
        idle: whether a run may begin at all.
    """

    def __init__(self, paths: Paths, begin: Callable[[Missed], Awaitable[None]], idle: Callable[[], bool]) -> None:
        """Nothing was tried yet."""
        self._paths, self._begin, self._idle = paths, begin, idle
        self._tried: dict[Secret, datetime] = {}

    async def keep(self) -> None:
        """Look again and again, until it is cancelled."""
        while True:
            await asyncio.sleep(LOOK_S)
            try:
                await self.look()
            except NocError as error:
                log.warning("a rotation could not be gone on with: %s", error)

    async def look(self) -> None:
        """Go on for whoever is back now.

        Raises:
            NocError: of the fleet directory, or of the run that should have begun.
        """
        for secret, waiting in behind(load_inventory(self._paths.fleet)):
            if not self._idle() or self._lately(secret):
                continue
            run, missed = await asyncio.to_thread(missed_by, self._paths.runs, secret, waiting)
            back = await heard_again(self._paths, missed) if missed else {}
            ready = tuple(name for name in missed if back.get(name, False))
            if run is None or not ready or (secret in ALL_AT_ONCE and ready != waiting) or not self._idle():
                continue
            self._tried[secret] = datetime.now(UTC)
            log.info("%s is back: its rotation of %s goes on", ", ".join(ready), secret)
            await self._begin(Missed(secret, ready, run))

    def _lately(self, secret: Secret) -> bool:
        return secret in self._tried and datetime.now(UTC) - self._tried[secret] < timedelta(seconds=RETRY_S)
