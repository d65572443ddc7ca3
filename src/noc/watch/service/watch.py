"""The watch itself: joins configuration, judge, writer and outbox on one event loop."""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import replace
from math import inf
from typing import Any, Final

from noc.watch.alerts.briefer import Briefer
from noc.watch.alerts.channels import Channel
from noc.watch.alerts.outboxes import Outboxes
from noc.watch.clock import Moment, now
from noc.watch.config import Config
from noc.watch.errors import JobNotScheduled, StoreTrouble
from noc.watch.judge.judge import Judge
from noc.watch.judge.reading import Sample
from noc.watch.service.acts import Acts
from noc.watch.service.restore import restore
from noc.watch.store.database import Store
from noc.watch.store.records import (
    Alive,
    Beat,
    Deployment,
    Event,
    IncidentSaved,
    JobOutcome,
    Prune,
    Record,
    Sighting,
)
from noc.watch.store.writer import Writer

log = logging.getLogger(__name__)

TICK_S: Final = 0.5
STALL_S: Final = 0.25
ALIVE_EVERY_S: Final = 10
REBUILD_PAUSE_S: Final = 1.0
FOREIGN_EVERY_S: Final = 60

Listener = Callable[[Sequence[Record]], None]


class Watch(Acts):
    """One watch server, without its listeners. Everything runs on the event loop that called `start`.

    Attributes:
        config: the fleet as last read.
        judge: every node's standing.
        listeners: called with each batch of records once it is on the disk.
        suspects: called with the name of each node whose public address should be looked at now.
        judged: when time last acted on the standings, monotonic seconds.
        outboxes: what waits to be told to people.
        briefer: writes briefings.
        spared_until: until then no node's silence counts, ms UTC; set before `start`, 0 for never.
    """

    def __init__(
        self,
        config: Config,
        store: Store,
        read: Callable[[], Config],
        channels: Callable[[Config], Sequence[Channel]],
    ) -> None:
        """Take the fleet, the database, how to read the fleet again, and how to make a fleet's ways to people."""
        self.config, self.store = config, store
        self.listeners: list[Listener] = []
        self.suspects: list[Callable[[str], None]] = []
        self.judge = Judge(config.rules)
        self._read = read
        self._tasks: set[asyncio.Task[None]] = set()
        self._poke = asyncio.Event()
        self._planned = inf
        self.judged = -inf
        self.broken = self._ill = False
        self.spared_until = 0
        self._foreign: dict[tuple[str, str], float] = {}
        self.outboxes = Outboxes(
            store.engine,
            self._write,
            lambda: self.config.fleet,
            lambda: channels(self.config),
        )
        self.briefer = Briefer(store.engine, self._write, lambda: self.config.fleet, self._states)

    async def start(self) -> None:
        """Go on where the database stops, and begin to judge; also with one that can only be read.

        Raises:
            StoreTrouble: it cannot be read.
        """
        self._fault: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._writer = Writer(self.store, committed=self._committed, failed=self._failed, kept=self._tell)
        await self._rebuild()
        for task in (self._tick(), self._keep_house(), self.outboxes.run()):
            self._spawn(task)

    async def fault(self) -> None:
        """Wait until a part of the watch has failed for good, and raise what it failed with.

        A watch that no longer judges or tells, and still answers pushes, would be the worst of all.
        """
        await self._fault

    async def stop(self) -> None:
        """Stop judging, write what is queued."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._writer.close()

    def take(self, beat: Beat, moment: Moment) -> "asyncio.Future[None]":
        """Take a push that was received at `moment`; the future is done when it is on the disk.

        While nothing can be stored it is refused, and still heard: nobody is blamed for our trouble.

        Raises:
            StoreTrouble: it is not taken, or, from the future, not stored; the pusher should try again.
        """
        if self.broken:
            self._submit(self.judge.push(replace(beat, seq=None), moment))
            self.judge.forget(beat)
        self._refuse_if_broken()
        return self._submit(self.judge.push(beat, moment))

    def foreign(self, owner: str, address: str) -> None:
        """Note that a node's token came from another address; once a minute for each pair."""
        moment = now()
        self._foreign = {pair: at for pair, at in self._foreign.items() if at > moment.mono - FOREIGN_EVERY_S}
        if self.broken or self._writer.full or (owner, address) in self._foreign:
            return
        self._foreign[owner, address] = moment.mono
        sender = self.config.by_address.get(address)
        detail = {"owner": owner, "sender": sender, "address": address}
        log.warning("a push from %s (%s) carried the token of %s", address, sender or "no node", owner)
        self._submit([Event("foreign-token", owner, moment.wall, detail=detail)])

    async def deploy(self, deployment: Deployment) -> None:
        """A deployment of a node begins or is prolonged; durable when this returns. Raises StoreTrouble."""
        self._refuse_if_broken()
        await self._submit(self.judge.deploy(deployment, now()))

    async def deployed(self, node: str) -> None:
        """The deployment of a node is over; durable when this returns. Raises StoreTrouble."""
        self._refuse_if_broken()
        await self._submit(self.judge.deployed(node, now()))

    async def job(self, outcome: JobOutcome) -> None:
        """Take what became of a job; durable when this returns.

        Raises:
            JobNotScheduled, StoreTrouble: the schedule has no such job; it is not stored.
        """
        self._refuse_if_broken()
        if outcome.job not in self.judge.jobs.tracked:
            raise JobNotScheduled(f"the schedule has no job {outcome.job[:32]}", fix="noc schedule lists its jobs")
        await self._submit(self.judge.job(outcome, now()))

    def witnessed(self, node: str, sighting: Sighting, moment: Moment) -> None:
        """Take a look at a node's public address. One that comes while too much waits is passed over."""
        assert node == sighting.node, "a look is at the node that it names"
        if not self._writer.full:
            self._submit(self.judge.sighted(sighting, moment))

    def house(self, sample: Sample, moment: Moment) -> None:
        """Take what HQ measured of itself: field → value."""
        if not self._writer.full and (records := self.judge.house(sample, moment)):
            self._submit(records)

    def outside(self, ok: bool, moment: Moment) -> None:
        """Take whether HQ reached anything outside."""
        if not self._writer.full and (records := self.judge.outside(ok=ok, now=moment)):
            self._submit(records)

    async def save(self, records: Sequence[Record]) -> None:
        """Store what the judge has no part in, such as keys; durable when this returns. Raises StoreTrouble."""
        self._refuse_if_broken()
        await self._writer.submit(records)

    async def reload(self) -> None:
        """Read the fleet again. Raises NocError, and keeps the old one, where the files have problems."""
        config = await asyncio.to_thread(self._read)
        self._refuse_if_broken()
        self.config = config
        self.outboxes.refresh()
        await self._submit(self.judge.watch(config.scene(), now()))

    def _ask(self) -> None:
        """Tell whoever looks at public addresses which ones to look at now."""
        names, self.judge.suspects = dict.fromkeys(self.judge.suspects), []
        for name in names:
            for look in self.suspects:
                look(name)

    def _write(self, records: Sequence[Record]) -> "asyncio.Future[None]":
        """Store what the judge has no part in, where there is a writer by then."""
        return self._writer.submit(records)

    def _submit(self, records: Sequence[Record]) -> "asyncio.Future[None]":
        done = self._writer.submit(records, keep=True)
        if self.judge.suspects:
            self._ask()
        if self.judge.next_due() < self._planned:
            self._poke.set()
        return done

    def _refuse_if_broken(self) -> None:
        if self.broken:
            raise StoreTrouble("the watch's database is in trouble", fix="see the server's log")
        if self._writer.full:
            raise StoreTrouble("too many pushes wait to be written", fix="check the disk")

    def _states(self) -> dict[str, str]:
        """Each live node's state in a word."""
        moment, nodes = now(), self.judge.nodes
        return {name: nodes[name].state(moment) for name, live in self.config.live().items() if live and name in nodes}

    def _committed(self, records: Sequence[Record]) -> None:
        if self._ill and any(isinstance(record, Beat) for record in records):
            self._ill = False
            self._submit(self.judge.house({"database": "ok"}, now()))
        self.outboxes.wake(records)
        for listener in self.listeners:
            listener(records)

    def _tell(self, records: Sequence[Record]) -> None:
        """Tell people from memory of incidents that cannot be stored."""
        for record in records:
            if isinstance(record, IncidentSaved) and record.alert is not None and record.incident.parent is None:
                self.outboxes.tell(record.incident, record.alert)

    def _failed(self, trouble: StoreTrouble, lost: Sequence[Beat]) -> None:
        """Nothing can be stored: from now on the judge goes on in memory, and what it decides is kept."""
        for beat in lost:
            self.judge.forget(beat)
        self.broken = True
        self._suffer(trouble)
        self._spawn(self._recover())

    def _suffer(self, trouble: StoreTrouble) -> None:
        """HQ's own telemetry says that the database takes nothing, until it has taken a push again."""
        self._ill = True
        self._submit(self.judge.house({"database": trouble.why or trouble.what}, now()))

    async def _recover(self) -> None:
        while self.broken:
            await asyncio.sleep(REBUILD_PAUSE_S)
            try:
                whole = await self._writer.mend([Alive(now().wall)])
                self.broken = False
                log.warning("the database takes records again")
                if not whole:
                    await self._rebuild()
            except StoreTrouble as trouble:
                self._suffer(trouble)

    async def _rebuild(self) -> None:
        """Take the state from the database: at the start, and where what was kept could not be stored."""
        past = await asyncio.to_thread(self.store.past)
        moment = now()
        spared_s = max(0, self.spared_until - moment.wall) / 1000
        self.judge, records = restore(self.config, past, moment, spared_s=spared_s)
        self._poke.set()
        with suppress(StoreTrouble):  # `_failed` knows already
            await self._submit([Alive(moment.wall), *records])

    async def _tick(self) -> None:
        """Let time act: each deadline at its instant, and none by a time in which we ourselves were away."""
        while True:
            self._poke.clear()
            moment = now()
            due = self.judge.next_due()
            pause = min(TICK_S, max(0.0, due - moment.mono))
            self._planned = moment.mono + pause
            if pause > 0:
                await self._pause(pause)
            self._act(now())

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):  # wait_for would lose a cancellation that comes with the poke
                await self._poke.wait()

    def _act(self, moment: Moment) -> None:
        self.judged = moment.mono
        if (away := moment.mono - self._planned) > STALL_S:
            log.warning("the server was held up for %.1f s; every deadline moves by that", away)
            self.judge.extend(away, moment)
        records = self.judge.expire(moment)
        if records or self.judge.suspects:
            self._submit(records)

    async def _keep_house(self) -> None:
        """Say that we are alive, and drop what is too old: a bite a round, so that no commit is long."""
        while True:
            await asyncio.sleep(ALIVE_EVERY_S)
            wall = now().wall
            if not self.broken:
                self._submit([Alive(wall), Prune(wall, self.config.fleet.keep)])

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) and not self._fault.done():
            self._fault.set_exception(error)
