"""What waits for an approval, and what keeps runs from beginning: the runner is asked while somebody looks."""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from pydantic import AwareDatetime, ValidationError

from noc.errors import NotFound
from noc.watch.errors import RunnerUnclear
from noc.watch.pages.asked import Asked, Detailed, Read, Text, read_detailed, read_waiting
from noc.watch.pages.fresh import PATIENCE_S, Fresh
from noc.watch.pages.runner import RunnerDoor

MOST_SHOWN: Final = 5
MOST_KEPT: Final = 32


class Order(Read):
    """A halt: who ordered it, why ("" where nothing was said), and when."""

    by: Text
    why: Text
    at: AwareDatetime


class Holder(Read):
    """Whose run has the lease."""

    run: Text


class Lease(Read):
    """Who may act.

    Attributes:
        lease: None where nobody holds it.
        standing: `free`, `held`; `expired` and `gone` of a holder that is no more.
        explanation: the same in words.
        halt: None where nothing is halted.
    """

    lease: Holder | None
    standing: Text
    explanation: Text
    halt: Order | None


@dataclass(frozen=True)
class Known:
    """What the runner said last.

    Attributes:
        requests: those that wait, the oldest first.
        plans: of the first few of them, by digest.
        lease: None where there is no runner to ask.
        trouble: why nothing of this is known, "" where it is.
    """

    requests: tuple[Asked, ...] = ()
    plans: Mapping[str, Detailed] = field(default_factory=dict)
    lease: Lease | None = None
    trouble: str = ""

    @property
    def halt(self) -> Order | None:
        """What keeps every run from beginning, None where nothing does."""
        return self.lease.halt if self.lease else None

    def stranded(self, shown: frozenset[str]) -> str:
        """The lease in words, where its run is none that the page shows anyway; "" where nobody has it."""
        if self.lease is None or self.lease.lease is None or self.lease.lease.run in shown:
            return ""
        return self.lease.explanation


class Waiting:
    """Asks the runner, and remembers its answers for a moment."""

    def __init__(self, door: RunnerDoor | None) -> None:
        """Ask at a door; None where this watch has no runner beside it."""
        self._door = door
        self._board: Fresh[Known] = Fresh(self._ask_all)
        self._single: OrderedDict[str, Fresh[Detailed]] = OrderedDict()

    @property
    def has_runner(self) -> bool:
        """Whether a runner is beside this watch at all."""
        return self._door is not None

    @property
    def door(self) -> RunnerDoor:
        """Where the runner is asked. Raises NotFound where there is none."""
        if self._door is None:
            raise NotFound("no runner is beside this watch", fix="noc watch serve --runner FILE")
        return self._door

    async def known(self) -> Known:
        """What waits, as of a moment ago."""
        if self._door is None:
            return Known()
        await self._board.look()
        if self._board.error is not None:
            return Known(trouble=str(self._board.error))
        return self._board.value or Known(trouble="it has not answered yet")

    async def find(self, digest: str) -> Fresh[Detailed]:
        """One request with its plan, as of a moment ago, by twelve or more digits of its digest."""
        single = self._single.pop(digest, None) or Fresh(lambda: self._ask_one(digest))
        self._single[digest] = single
        while len(self._single) > MOST_KEPT:
            self._single.popitem(last=False)[1].stop()
        await single.look(None if single.value is None else PATIENCE_S)
        return single

    def forget(self) -> None:
        """Ask again at the next look: somebody has answered a request."""
        self._board.forget()
        for each in self._single.values():
            each.forget()

    def stop(self) -> None:
        """Give up what is being asked."""
        self._board.stop()
        for each in self._single.values():
            each.stop()

    async def _ask_all(self) -> Known:
        requests = read_waiting(await self.door.ask("pending"))
        known = self._board.value.plans if self._board.value else {}
        plans = {}
        for each in requests[:MOST_SHOWN]:
            read = known.get(each.digest) or await self._ask_one(each.digest)
            plans[each.digest] = read.model_copy(update={"request": each})
        return Known(requests, plans, read_lease(await self.door.ask("lease")))

    async def _ask_one(self, digest: str) -> Detailed:
        return read_detailed(await self.door.ask("pending", request=digest))


def read_lease(answer: Mapping[str, Any]) -> Lease:
    """An answer to `lease`. Raises RunnerUnclear."""
    try:
        return Lease.model_validate(answer)
    except ValidationError as error:
        why = str(error.errors()[0]["msg"])
        raise RunnerUnclear("the runner says of its lease what this release does not know", why=why) from None
