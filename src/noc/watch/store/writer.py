"""The one writer: a thread that commits whatever arrived while its last commit ran.

There is no timer: a lone push is committed at once, and a storm shares one fsync among all that wait. A push is
answered when its batch is on the disk.

After a commit that failed nothing is written until `mend` succeeds. What was decided meanwhile is kept in memory and
written first, so that the judge can go on judging: what it decides is late on the disk, and never undone.
"""

import asyncio
import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from noc.watch.errors import StoreTrouble
from noc.watch.store.database import Store
from noc.watch.store.records import Beat, Record
from noc.watch.store.unstored import Unstored

log = logging.getLogger(__name__)

MOST_WAITING: Final = 1_024

Told = Callable[[Sequence[Record]], None]
Failed = Callable[[StoreTrouble, Sequence[Beat]], None]


@dataclass(slots=True)
class _Item:
    records: Sequence[Record]
    done: "asyncio.Future[None]"
    keep: bool


class Writer:
    """Takes records on the event loop, writes them in its own thread, and says when they are safe."""

    def __init__(self, store: Store, *, committed: Told, failed: Failed, kept: Told) -> None:
        """Start the thread; call from the event loop, on which all callbacks run too.

        Args:
            store: what is written to.
            committed: gets each batch that is on the disk.
            failed: gets the trouble, and the pushes that were taken and are lost; called once until `mend`.
            kept: gets records that are kept in memory because they cannot be stored.
        """
        self._store = store
        self._committed, self._failed, self._kept = committed, failed, kept
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[_Item] = deque()
        self._wake = threading.Condition()
        self._halted = False
        self._trouble: StoreTrouble | None = None
        self._unstored = Unstored()
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="noc-watch-writer", daemon=True)
        self._thread.start()

    def submit(self, records: Sequence[Record], *, keep: bool = False) -> "asyncio.Future[None]":
        """Queue records as one unit, in order.

        An empty unit is done when everything before it is: a retry is not answered before the first try is safe.

        Args:
            records: what to write.
            keep: whether they stand although they cannot be stored now: then they are kept, and written later.

        Returns:
            A future, done when they are on the disk; it raises StoreTrouble when they are not.
        """
        item = _Item(records, self._loop.create_future(), keep)
        trouble = self._trouble or (StoreTrouble("the watch is stopping") if self._closing else None)
        if trouble is not None:
            self._refuse(item, trouble)
            return item.done
        with self._wake:
            self._waiting.append(item)
            self._wake.notify()
        return item.done

    @property
    def full(self) -> bool:
        """Whether so much waits that nothing more should be decided: a decision that is not stored would be lost."""
        return len(self._waiting) >= MOST_WAITING

    async def mend(self, first: Sequence[Record]) -> bool:
        """Try to write `first` and what was kept; from then on records are written as they come.

        Returns:
            Whether all of it was written. If not, what was kept cannot be and is given up: the state is to be read
            anew from the database.

        Raises:
            StoreTrouble: nothing can be written yet.
        """
        whole, waiting = True, [*first]
        while waiting or len(self._unstored):
            kept = self._unstored.take()
            try:
                await asyncio.to_thread(self._write, [*waiting, *kept])
            except StoreTrouble as trouble:
                if not await self._is_writable(waiting, without=kept):
                    self._unstored.add([*kept, *self._unstored.take()])
                    raise
                log.error("%d records that were kept are given up: %s", len(kept), trouble)  # noqa: TRY400
                whole, kept = False, []
            self._committed([*waiting, *kept])
            waiting = []
        self._trouble = None
        with self._wake:
            self._halted = False
            self._wake.notify()
        return whole

    async def _is_writable(self, records: Sequence[Record], *, without: Sequence[Record]) -> bool:
        """Whether records can be written where they could not be together with others; then they are."""
        if not records or not without:
            return False
        try:
            await asyncio.to_thread(self._write, records)
        except StoreTrouble:
            return False
        return True

    async def close(self) -> None:
        """Write what is queued, and end the thread."""
        with self._wake:
            self._closing = True
            self._wake.notify()
        await asyncio.to_thread(self._thread.join)

    def _run(self) -> None:
        while batch := self._next_batch():
            try:
                self._write([record for item in batch for record in item.records])
            except StoreTrouble as trouble:
                with self._wake:
                    self._halted = True
                self._loop.call_soon_threadsafe(self._fail, batch, trouble)
            else:
                self._loop.call_soon_threadsafe(self._confirm, batch)

    def _write(self, records: Sequence[Record]) -> None:
        try:
            self._store.write(records)
        except StoreTrouble:
            raise
        except Exception as error:  # whatever it was, the thread goes on: without it no push is ever stored again
            log.exception("a batch could not be written")
            raise StoreTrouble("the watch's database refused a record", why=type(error).__name__) from error

    def _next_batch(self) -> list[_Item]:
        with self._wake:
            while (self._halted or not self._waiting) and not self._closing:
                self._wake.wait()
            if self._halted:
                return []
            batch = list(self._waiting)
            self._waiting.clear()
            return batch

    def _confirm(self, batch: list[_Item]) -> None:
        for item in batch:
            if not item.done.done():
                item.done.set_result(None)
        self._committed([record for item in batch for record in item.records])

    def _fail(self, batch: list[_Item], trouble: StoreTrouble) -> None:
        log.error("%s", trouble)
        self._trouble = trouble
        with self._wake:
            batch += self._waiting
            self._waiting.clear()
        lost = [record for item in batch for record in item.records if isinstance(record, Beat)]
        for item in batch:
            self._refuse(item, trouble)
        self._failed(trouble, lost)

    def _refuse(self, item: _Item, trouble: StoreTrouble) -> None:
        if item.keep and item.records:
            self._unstored.add(item.records)
            self._kept(item.records)
        if not item.done.done():
            item.done.set_exception(trouble)
            item.done.exception()
