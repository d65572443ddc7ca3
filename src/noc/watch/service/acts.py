"""What people do to incidents and to windows of maintenance."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Final

from noc.errors import NotFound
from noc.watch.clock import Moment, now
from noc.watch.errors import IncidentOver, NothingSaid
from noc.watch.judge.judge import Judge
from noc.watch.service.windows import (
    WindowView,
    new_window,
    refuse_name,
    refuse_to_close,
    silence_name,
    windows_of,
)
from noc.watch.store.database import Store
from noc.watch.store.queries import has_incident
from noc.watch.store.records import Event, Note, Record, WindowKind

MOST_WORDS: Final = 2_000


class Acts(ABC):
    """The part of the watch that people act on.

    Attributes:
        judge: what is judged.
        store: the database.
    """

    judge: Judge
    store: Store

    @abstractmethod
    def _refuse_if_broken(self) -> None:
        """Raises StoreTrouble while nothing can be stored."""

    @abstractmethod
    def _submit(self, records: Sequence[Record]) -> "asyncio.Future[None]":
        """Store what the judge decided."""

    async def acknowledge(self, incident: int, who: str, note: str = "") -> None:
        """A person takes over an open incident: nobody is reminded of it any more. Durable when this returns.

        Raises:
            NotFound, IncidentOver: there is no incident of that number, or it has ended.
            StoreTrouble: it is not stored.
        """
        self._refuse_if_broken()
        records = self.judge.acknowledge(incident, who, note[:MOST_WORDS], now())
        if records is None:
            await self._known(incident)
            raise IncidentOver(f"incident {incident} is over")
        await self._submit(records)

    async def note(self, incident: int, who: str, text: str) -> None:
        """A person writes about an incident, open or not; durable when this returns.

        Raises:
            NotFound, NothingSaid, StoreTrouble: no such incident; no text, or too much; it is not stored.
        """
        self._refuse_if_broken()
        if not 0 < len(text.strip()) <= MOST_WORDS:
            raise NothingSaid("a note of that length is not kept", fix=f"write 1 to {MOST_WORDS} characters")
        await self._known(incident)
        wall = now().wall
        await self._submit([Note(incident, wall, who, text), Event("note", None, wall, incident, {"who": who})])

    async def silence(self, scope: Sequence[str], minutes: int, who: str, reason: str) -> str:
        """Maintenance from now on for so many minutes, in the place of a silence of the same scope; its name.

        Raises BadWindow, StoreTrouble.
        """
        name = silence_name(scope)
        await self.put_window(name, "silence", scope, minutes=minutes, who=who, reason=reason)
        return name

    async def put_window(
        self,
        name: str,
        kind: WindowKind,
        scope: Sequence[str],
        *,
        minutes: int,
        who: str,
        reason: str,
        spec: str = "",
        zone: str = "UTC",
        starts: int | None = None,
    ) -> None:
        """Plan a window of maintenance, or change the one of that name; durable when this returns.

        What says the same as before changes nothing, but that a silence begins anew.

        Args:
            name: the window's own.
            scope: names of nodes, tags, `batch-N`, the hub, or `all`.
            spec: when it begins, on clocks of `zone`, in the form of its kind.
            starts: when a single one begins (ms UTC), where no `spec` says it.

        Raises:
            BadWindow, WindowFixed, StoreTrouble: it does not hold together; the name is not a person's; it is not
                stored.
        """
        self._refuse_if_broken()
        moment = now()
        refuse_name(self.judge, name)
        window = new_window(
            self.judge.scene.scopes,
            name,
            kind,
            scope,
            minutes=minutes,
            reason=reason,
            who=who,
            moment=moment,
            spec=spec,
            zone=zone,
            starts=starts,
        )
        await self._submit(self.judge.open_window(window, moment))

    async def close_window(self, name: str) -> None:
        """End a window that a person opened; durable when this returns.

        Raises:
            NotFound, WindowFixed, StoreTrouble: there is none of that id; it is not a person's; it is not stored.
        """
        self._refuse_if_broken()
        refuse_to_close(self.judge, name, now())
        await self._submit(self.judge.close_window(name, now()) or [])

    def windows(self, moment: Moment) -> list[WindowView]:
        """Every window that holds or is to come, those of deployments included; first those that hold."""
        return windows_of(self.judge, moment)

    async def _known(self, incident: int) -> None:
        """Raises NotFound where there is no incident of that number."""
        if not await asyncio.to_thread(has_incident, self.store.engine, incident):
            raise NotFound(f"there is no incident {incident}", fix="noc incidents lists them")
