"""The lease: whoever holds it may change the fleet. It has a heartbeat and an expiry, and heals by itself.

A lock without an expiry would be an outage that waits to happen. One with an expiry alone would let a holder act that
slept through it; so each lease has the next fence number, which nodes compare, and its holder looks before each act.
"""

import asyncio
import logging
import os
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Self

from noc.errors import TimedOut
from noc.fleet.files import replace
from noc.runs.admission.clock import lasting
from noc.runs.admission.errors import LeaseLost, LeaseUnreadable
from noc.runs.admission.exclusive import exclusive
from noc.runs.admission.fence import next_fence
from noc.runs.admission.grant import Grant, Standing, read_lease, situation
from noc.runs.admission.holder import Holder, uptime
from noc.runs.errors import FleetBusy
from noc.runs.record.chain import sync_directory

_POLL_S = 0.2
_SAY_EVERY_S = 5.0

log = logging.getLogger(__name__)


class Lease:
    """A lease that this process has taken. Reading it is for anybody: `read_lease`, `explain`."""

    def __init__(self, path: Path, grant: Grant) -> None:
        """Use `acquire`."""
        self._path, self._grant = path, grant

    @classmethod
    async def acquire(
        cls,
        path: Path,
        fence: Path,
        holder: Holder,
        *,
        what: str,
        run: str,
        ttl_s: float,
        wait_s: float = 0,
        progress: Callable[[str], None] = lambda _: None,
    ) -> Self:
        """Take the lease, with the next fence number.

        Args:
            path: the lease's file.
            fence: the file of the fence numbers.
            holder: this process.
            what: what for, in words.
            run: the run's id.
            ttl_s: seconds without a heartbeat after which another may take it.
            wait_s: seconds to wait where another holds it; 0 to be refused at once.
            progress: hears who holds it, at once and then every few seconds of the wait.

        Raises:
            FleetBusy: another process holds it, still after the wait.
            LeaseUnreadable, FenceUnreadable: a file was damaged.
            TimedOut: another process stopped while it changed the file.
        """
        take = partial(cls._take, path, fence, holder, what=what, run=run, ttl_s=ttl_s)
        say_at = time.monotonic()
        deadline = say_at + wait_s
        while True:
            try:
                return await cls._taken(take)
            except FleetBusy as busy:
                left = deadline - time.monotonic()
                if left <= 0:
                    raise
                if time.monotonic() >= say_at:
                    say_at = time.monotonic() + _SAY_EVERY_S
                    progress(f"waiting for {lasting(left)} at most: {busy.why}")
            await asyncio.sleep(min(_POLL_S, left))

    @classmethod
    async def _taken(cls, take: Callable[[], Self]) -> Self:
        """Take it beside the loop; one that comes when nobody wants it any more is given back."""
        taking = asyncio.ensure_future(asyncio.to_thread(take))
        try:
            return await asyncio.shield(taking)
        except asyncio.CancelledError:
            taking.add_done_callback(cls._give_back)
            raise

    @classmethod
    def _give_back(cls, taking: asyncio.Task[Self]) -> None:
        if not taking.cancelled() and taking.exception() is None:
            taking.result().release()

    @classmethod
    def _take(cls, path: Path, fence: Path, holder: Holder, *, what: str, run: str, ttl_s: float) -> Self:
        with exclusive(_lock_of(path)):
            standing = read_lease(path)
            if standing is not None and standing.standing is Standing.HELD:
                raise _busy(standing)
            for left in path.parent.glob(f".{path.name}.*"):  # heartbeats of holders that were killed
                left.unlink(missing_ok=True)
            now = datetime.now(UTC)
            grant = Grant(
                holder=holder,
                what=what,
                run=run,
                fence=next_fence(fence),
                acquired=now,
                heartbeat=now,
                expires=now + timedelta(seconds=ttl_s),
                beat=uptime(),
                ttl_s=ttl_s,
            )
            replace(path, grant.model_dump_json())
        if standing is not None:
            log.warning("run %s takes over the lease of run %s: %s", run, standing.run, standing.standing)
        return cls(path, grant)

    @property
    def fence(self) -> int:
        """Its number: higher than that of every lease before it."""
        return self._grant.fence

    def check(self) -> None:
        """Make sure that this process may still act.

        Raises:
            LeaseLost: it slept through its expiry, or another holds the lease by now.
        """
        if self._grant.age_s > self._grant.ttl_s:
            slept = f"its last heartbeat was {lasting(self._grant.age_s)} ago, its lease lasts {self._grant.ttl_s:g} s"
            raise self._lost(slept)
        try:
            found = read_lease(self._path)
        except (OSError, LeaseUnreadable) as error:
            raise self._lost(f"{self._path} cannot be read") from error
        if found is None:
            raise self._lost(f"{self._path} is gone")
        if found.fence != self._grant.fence:
            raise self._lost(f"{found.holder.user}'s run {found.run} holds it by now, with fence {found.fence}")

    def renew(self) -> None:
        """One heartbeat.

        Raises:
            LeaseLost: as `check` does; an expired lease is never renewed.
            OSError, TimedOut: it could not be written; the lease stands until it expires.
        """
        now, beat = datetime.now(UTC), uptime()
        expires = now + timedelta(seconds=self._grant.ttl_s)
        renewed = self._grant.model_copy(update={"heartbeat": now, "expires": expires, "beat": beat})
        prepared = self._path.with_name(f".{self._path.name}.{self.fence}")
        try:
            # A disk may stand still here for long, and nobody has to wait for that.
            _write(prepared, renewed.model_dump_json())
            with exclusive(_lock_of(self._path)):
                self.check()
                prepared.rename(self._path)
        finally:
            prepared.unlink(missing_ok=True)
        self._grant = renewed

    async def keep(self) -> None:
        """Heartbeats, three to an expiry, until it is cancelled.

        Raises:
            LeaseLost: as `check` does.
        """
        while True:
            await asyncio.sleep(self._grant.ttl_s / 3)
            try:
                await asyncio.to_thread(self.renew)
            except (OSError, TimedOut) as error:
                log.warning("the lease's heartbeat could not be written: %s", error)
                self.check()

    @asynccontextmanager
    async def kept(self, lost: Callable[[], None]) -> AsyncIterator[Self]:
        """Keep the lease while the body runs, and release it however that ends.

        Args:
            lost: called as soon as the lease is known to be lost; the body ends by its own `check`.
        """
        beating = asyncio.create_task(self.keep(), name=f"lease {self.fence}")
        beating.add_done_callback(lambda task: None if task.cancelled() else lost())
        try:
            yield self
        finally:
            beating.cancel()
            self.release()
            await asyncio.gather(beating, return_exceptions=True)

    def release(self) -> None:
        """Give it back, where it is still this process's own; one that cannot be given back expires."""
        try:
            with exclusive(_lock_of(self._path)):
                found = read_lease(self._path)
                if found is not None and found.fence == self._grant.fence:
                    self._path.unlink()
                    sync_directory(self._path.parent)
        except (OSError, TimedOut, LeaseUnreadable) as error:
            log.warning("the lease could not be released, it expires: %s", error)

    def _lost(self, why: str) -> LeaseLost:
        fix = "noc lease says who may act; nodes that were left open turn back by themselves"
        return LeaseLost(f"run {self._grant.run} has lost its lease", why=why, fix=fix)


def _lock_of(path: Path) -> Path:
    return path.with_suffix(".lock")


def _write(path: Path, text: str) -> None:
    with path.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _busy(grant: Grant) -> FleetBusy:
    return FleetBusy(
        "another run is changing the fleet",
        why=situation(grant, datetime.now(UTC)),
        fix=f"noc run show {grant.run} --follow, and try again when it has ended; --wait SECONDS waits for that",
    )
