"""The one writer: a thread that commits whatever arrived while its last commit ran.

There is no timer: a lone push is committed at once, and a storm shares one fsync among all that wait. A push is
answered when its batch is on the disk.
"""

import asyncio
import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from noc.watch.errors import StoreTrouble
from noc.watch.store.database import Store
from noc.watch.store.records import Record

log = logging.getLogger(__name__)

MOST_WAITING = 20_000


@dataclass(slots=True)
class _Item:
    records: Sequence[Record]
    done: "asyncio.Future[None]"


class Writer:
    """Takes records on the event loop, writes them in its own thread, and says when they are safe.

    After a failed commit it refuses everything until `mend`: what was decided on top of records that were lost
    must not be stored.
    """

    def __init__(
        self,
        store: Store,
        *,
        committed: Callable[[Sequence[Record]], None],
        failed: Callable[[StoreTrouble], None],
    ) -> None:
        """Start the thread; call from the event loop, on which both callbacks run too."""
        self._store = store
        self._committed, self._failed = committed, failed
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[_Item] = deque()
        self._wake = threading.Condition()
        self._trouble: StoreTrouble | None = None
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="noc-watch-writer", daemon=True)
        self._thread.start()

    def submit(self, records: Sequence[Record]) -> "asyncio.Future[None]":
        """Queue records as one unit, in order.

        An empty unit is done when everything before it is: a retry is not answered before the first try is safe.

        Returns:
            A future, done when they are on the disk; it raises StoreTrouble when they are not.
        """
        done = self._loop.create_future()
        with self._wake:
            trouble = self._trouble
            if trouble is None and self._closing:
                trouble = StoreTrouble("the watch is stopping")
            if trouble is None:
                self._waiting.append(_Item(records, done))
                self._wake.notify()
        if trouble is not None:
            done.set_exception(trouble)
            done.exception()
        return done

    @property
    def full(self) -> bool:
        """Whether so much waits that nothing more should be decided: a decision that is not stored would be lost."""
        return len(self._waiting) >= MOST_WAITING

    def mend(self) -> None:
        """Accept records again: the state was read anew from the database."""
        with self._wake:
            self._trouble = None

    async def close(self) -> None:
        """Write what is queued, and end the thread."""
        with self._wake:
            self._closing = True
            self._wake.notify()
        await asyncio.to_thread(self._thread.join)

    def _run(self) -> None:
        while batch := self._next_batch():
            try:
                self._write(batch)
            except StoreTrouble as trouble:
                with self._wake:
                    self._trouble = trouble
                    batch += self._waiting
                    self._waiting.clear()
                self._loop.call_soon_threadsafe(self._refuse, batch, trouble)
            else:
                self._loop.call_soon_threadsafe(self._confirm, batch)

    def _write(self, batch: list[_Item]) -> None:
        try:
            self._store.write([record for item in batch for record in item.records])
        except StoreTrouble:
            raise
        except Exception as error:  # whatever it was, the thread goes on: without it no push is ever stored again
            log.exception("a batch could not be written")
            raise StoreTrouble("the watch's database refused a record", why=type(error).__name__) from error

    def _next_batch(self) -> list[_Item]:
        with self._wake:
            while not self._waiting and not self._closing:
                self._wake.wait()
            batch = list(self._waiting)
            self._waiting.clear()
            return batch

    def _confirm(self, batch: list[_Item]) -> None:
        for item in batch:
            if not item.done.done():
                item.done.set_result(None)
        self._committed([record for item in batch for record in item.records])

    def _refuse(self, batch: list[_Item], trouble: StoreTrouble) -> None:
        log.error("%s", trouble)
        for item in batch:
            if not item.done.done():
                item.done.set_exception(trouble)
                item.done.exception()
        self._failed(trouble)
