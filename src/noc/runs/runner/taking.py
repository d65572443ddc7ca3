"""Whose the fleet is: a restored HQ takes it over before it begins anything, and one that was replaced steps back."""

import asyncio
import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from noc.errors import NocError
from noc.fleet.load import load
from noc.runs.admission.approval import check_may_act
from noc.runs.admission.caller import Caller
from noc.runs.admission.errors import FencesUnknown
from noc.runs.admission.fence import last_fence, raise_fence
from noc.runs.admission.restored import (
    BELIEVED,
    GENERATION,
    Restored,
    go_without,
    next_generation,
    read_restored,
    settle,
)
from noc.runs.admission.superseded import Whose, check_ours, note_superseded, whose, withdraw
from noc.runs.paths import Paths
from noc.runs.record.audit import Audit
from noc.runs.runner.door import Answers, Operation
from noc.runs.runner.works import AskFences

SOON_S, RARELY_S = 5.0, 600.0
PASSING = frozenset({"dns", "rescue"})
"""Actions that change nothing by a fence, and by which a restored HQ becomes reachable for its nodes."""

log = logging.getLogger(__name__)


class Taking:
    """Keeps a runner from acting on a fleet that is not, or not yet, its own.

    Args:
        paths: where things lie.
        ask: asks every node for its fence, or tells it one.
        audit: who did what.
    """

    def __init__(self, paths: Paths, ask: AskFences, audit: Audit) -> None:
        self._paths, self._ask, self._audit = paths, ask, audit
        self._one = asyncio.Lock()

    async def check(self, action: str) -> None:
        """Go on only where the fleet is ours; takes it over first where HQ was restored.

        Args:
            action: of the plan that is to be made or begun.

        Raises:
            FencesUnknown: HQ was restored, and nodes could not be asked.
            RestoredUnreadable: what the restore left cannot be read.
            AnotherHq: another HQ has taken over.
        """
        if action not in PASSING:
            await self.take()
            check_ours(self._paths.superseded, self._paths.fence)

    async def take(self) -> None:
        """Take the fleet over, where a restore is open: no number that a node has seen is given again.

        Raises:
            FencesUnknown, RestoredUnreadable: as `check`.
        """
        async with self._one:
            if (opened := read_restored(self._paths.restored)) is None:
                return
            said = await self._ask(None)
            known = self._known(said, opened.without)
            number = self._number(opened, max(known.values(), default=0))
            raise_fence(self._paths.fence, number)
            self._known(await self._ask(number), opened.without)
            settle(self._paths.restored)
            nodes = ", ".join(sorted(known)) or "no node"
            with self._audit.acting(f"take over the fleet with fence {number}", "runner", nodes=sorted(known)):
                log.warning("HQ was restored: %s asked, fence numbers go on above %d", nodes, number)

    async def keep(self) -> None:
        """Take over as soon as all nodes answer; look at once, and then every ten minutes, whose the fleet is."""
        while True:
            try:
                settled = await self._look()
            except (NocError, OSError) as error:
                log.info("not settled yet: %s", error)
                settled = False
            await asyncio.sleep(RARELY_S if settled else SOON_S)

    @property
    def operations(self) -> dict[str, Operation]:
        """By the name that requests give."""
        return {"restored": self._restored}

    async def _restored(self, request: Mapping[str, Any], caller: Caller) -> Answers:
        without = tuple(str(name) for name in request.get("without", []))
        fleet = load(self._paths.fleet)
        names = tuple(node.name for node in fleet.select(list(without))) if without else ()
        if names:
            with self._audit.acting(f"go on without {', '.join(names)} after a restore", caller.name):
                check_may_act(caller, fleet)
                go_without(self._paths.restored, names)
        before = read_restored(self._paths.restored)
        if before is not None:
            await self.take()
        restored = before.model_dump(mode="json") if before else None
        yield {"restored": restored, "fences": await self._ask(None), "next_fence": last_fence(self._paths.fence) + 1}

    async def _look(self) -> bool:
        """Whether it is known whose the fleet is."""
        await self.take()
        said = await self._ask(None)
        known = {name: number for name, number in said.items() if isinstance(number, int)}
        own = last_fence(self._paths.fence)
        found = whose(own, known, len(said))
        if found is Whose.ANOTHERS:
            log.error("another HQ has acted on the fleet: %s", known)
            note_superseded(self._paths.superseded, own, known, datetime.now(UTC))
        elif found is Whose.OURS:
            withdraw(self._paths.superseded)
        return found is not Whose.UNKNOWN or not said

    def _known(self, said: Mapping[str, int | str], without: tuple[str, ...]) -> dict[str, int]:
        """The numbers of all nodes but those that a person goes on without. Raises FencesUnknown."""
        known = {name: fence for name, fence in said.items() if isinstance(fence, int) and fence <= BELIEVED}
        if missing := sorted(said.keys() - known.keys() - set(without)):
            why = f"{missing[0]}: {said[missing[0]]}" + (f"; nor {', '.join(missing[1:])}" if missing[1:] else "")
            fix = f"wait until they answer; or, knowing that: noc hub restored --without {' --without '.join(missing)}"
            raise FencesUnknown("HQ was restored, and has not asked every node yet", why=why, fix=fix)
        return known

    def _number(self, opened: Restored, seen: int) -> int:
        """The number to take over with; the same as before, where that was told to some nodes only."""
        own = last_fence(self._paths.fence)
        begun = own // GENERATION > opened.fence // GENERATION and seen <= own
        return own if begun else next_generation(max(own, seen, opened.fence))
