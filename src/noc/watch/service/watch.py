"""The watch itself: joins configuration, judge, writer and outbox on one event loop."""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import replace
from math import inf
from typing import Any, Final

from noc.errors import NotFound
from noc.watch.alerts.briefer import Briefer
from noc.watch.alerts.channels import Channel
from noc.watch.alerts.outboxes import Outboxes
from noc.watch.clock import Moment, now
from noc.watch.config import Config
from noc.watch.errors import IncidentOver, NothingSaid, StoreTrouble
from noc.watch.judge.judge import Judge
from noc.watch.judge.reading import Sample
from noc.watch.service.restore import restore
from noc.watch.service.windows import WindowView, new_window, refuse_to_close, windows_of
from noc.watch.store.database import Store
from noc.watch.store.queries import has_incident
from noc.watch.store.records import (
    Alive,
    Beat,
    Deployment,
    Event,
    IncidentSaved,
    Note,
    Prune,
    Record,
    Sighting,
    WindowKind,
)
from noc.watch.store.writer import Writer

log = logging.getLogger(__name__)

TICK_S: Final = 0.5
STALL_S: Final = 0.25
ALIVE_EVERY_S: Final = 10
REBUILD_PAUSE_S: Final = 1.0
FOREIGN_EVERY_S: Final = 60
MOST_WORDS: Final = 2_000

Listener = Callable[[Sequence[Record]], None]


class Watch:
    """One watch server, without its listeners. Everything runs on the event loop that called `start`.

    Attributes:
        config: the fleet as last read.
        judge: every node's standing.
        listeners: called with each batch of records once it is on the disk.
        suspects: called with the name of each node whose public address should be looked at now.
        judged: when time last acted on the standings, monotonic seconds.
        outboxes: what waits to be told to people.
        briefer: writes the day's briefing.
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
        self._foreign: dict[tuple[str, str], float] = {}
        self.outboxes = Outboxes(
            store.engine,
            lambda records: self._writer.submit(records),
            lambda: self.config.fleet,
            lambda: channels(self.config),
        )
        self.briefer = Briefer(
            store.engine, lambda records: self._writer.submit(records), lambda: self.config.fleet, self._states
        )

    async def start(self) -> None:
        """Go on where the database stops, and begin to judge; also with one that can only be read.

        Raises:
            StoreTrouble: it cannot be read.
        """
        self._fault: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._writer = Writer(self.store, committed=self._committed, failed=self._failed, kept=self._tell)
        await self._rebuild()
        for task in (self._tick(), self._keep_house(), self.outboxes.run(), self.briefer.run()):
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
        """Maintenance from now on for so many minutes; its id. Raises BadWindow, StoreTrouble."""
        return await self.open_window("silence", scope, minutes=minutes, who=who, reason=reason)

    async def open_window(
        self,
        kind: WindowKind,
        scope: Sequence[str],
        *,
        minutes: int,
        who: str,
        reason: str,
        spec: str = "",
        zone: str = "UTC",
        starts: int | None = None,
    ) -> str:
        """Plan a window of maintenance; its id, durable when this returns.

        Args:
            scope: names of nodes, tags, `batch-N`, the hub, or `all`.
            spec: when it begins, on clocks of `zone`, in the form of its kind.
            starts: when a single one begins (ms UTC), where no `spec` says it.

        Raises:
            BadWindow, StoreTrouble: it does not hold together; it is not stored.
        """
        self._refuse_if_broken()
        moment = now()
        window = new_window(
            self.judge.scene.scopes,
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
        return window.id

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

    async def _known(self, incident: int) -> None:
        """Raises NotFound where there is no incident of that number."""
        if not await asyncio.to_thread(has_incident, self.store.engine, incident):
            raise NotFound(f"there is no incident {incident}", fix="noc incidents lists them")

    def _ask(self) -> None:
        """Tell whoever looks at public addresses which ones to look at now."""
        names, self.judge.suspects = dict.fromkeys(self.judge.suspects), []
        for name in names:
            for look in self.suspects:
                look(name)

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
        self.judge, records = restore(self.config, past, moment)
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
