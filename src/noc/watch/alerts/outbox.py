"""The worker of one channel: takes what waits to people, each at least once and always with the same id."""

import asyncio
import hashlib
import logging
import secrets
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Final

from sqlalchemy import Engine

from noc.fleet.model import Fleet
from noc.watch.alerts.backlog import Backlog, read_backlog
from noc.watch.alerts.channels import Channel, Message, NotSent
from noc.watch.alerts.deliveries import MOST_SINGLE, Delivery, Note, Waiting, hold_s, plan_round, singles_left
from noc.watch.alerts.messages import bare, compose, compose_note, page
from noc.watch.alerts.patience import Patience
from noc.watch.clock import now
from noc.watch.errors import StoreTrouble
from noc.watch.store.records import (
    AlertDropped,
    AlertFailed,
    AlertSent,
    Event,
    Incident,
    Key,
    KeySaved,
    Outcome,
    Record,
)

log = logging.getLogger(__name__)

SEND_DEADLINE_S: Final = 20.0
AGAIN_S: Final = 1.0
SECRET_BYTES: Final = 32
KEY_LASTS_MS: Final = 24 * 3_600_000
MOST_UNSTORED: Final = 200
BARE_AFTER: Final = 3
"""After so many refusals a message goes out as bare as can be: whatever the receiver dislikes, it must arrive."""

Submit = Callable[[Sequence[Record]], "asyncio.Future[None]"]


class Outbox:
    """Sends what waits on one channel. A channel in trouble is left alone for a while; the alerts stay.

    Attributes:
        channel: the way out; it may be exchanged for another of the same name.
    """

    def __init__(self, channel: Channel, engine: Engine, submit: Submit, fleet: Callable[[], Fleet]) -> None:
        """Take the channel, where alerts are read, how records are written, and the fleet as it is now."""
        self.channel = channel
        self._engine, self._submit, self._fleet = engine, submit, fleet
        self._woken = asyncio.Event()
        self._patience = Patience()
        self._recent: deque[float] = deque(maxlen=MOST_SINGLE)
        self._next = 0.0
        self._sent: dict[str, int] = {}
        self._links: dict[str, str] = {}
        self._unstored: dict[str, Waiting] = {}
        self._tests: dict[str, tuple[Note, asyncio.Future[str]]] = {}

    def wake(self) -> None:
        """Look again: there may be a new alert."""
        self._woken.set()

    def tell(self, alert: Waiting) -> None:
        """Take an alert that could not be stored; it is kept in memory until it has gone out."""
        incident = alert.incident
        for name, each in self._unstored.items():
            if each.incident.id == incident.id:
                self._unstored[name] = replace(each, incident=incident)
        if len(self._unstored) >= MOST_UNSTORED:
            lost = self._unstored.pop(next(iter(self._unstored)))
            log.error("%s: too many alerts wait in memory, %s is given up", self.channel.name, lost.id)
        self._unstored[alert.id] = replace(alert, stored=False)
        self.wake()

    def unstored(self) -> list[Waiting]:
        """The alerts that wait in memory alone."""
        return list(self._unstored.values())

    async def test(self, note: Note) -> str:
        """Send a test at once, whatever trouble the channel was in. Returns why it did not go out, "" if it did."""
        result: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._tests[note.id] = note, result
        self.wake()
        return await result

    async def run(self) -> None:
        """Send until cancelled."""
        while True:
            self._woken.clear()
            try:
                await self._round()
            except StoreTrouble as trouble:
                log.warning("%s: alerts wait: %s", self.channel.name, trouble)
                self._again(AGAIN_S)
            await self._rest()

    async def _rest(self) -> None:
        timeout = None if self._next == 0 else max(0.02, self._next - now().mono)
        self._next = 0.0
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout):  # wait_for of Python 3.11 can lose a cancellation
                await self._woken.wait()

    def _again(self, seconds: float) -> None:
        """Look again after so many seconds at the latest."""
        at = now().mono + seconds
        self._next = at if self._next == 0 else min(self._next, at)

    async def _round(self) -> None:
        """Send what is due, as far as the channel allows it."""
        backlog = await self._backlog()
        moment = now()
        self._patience.keep({alert.id for alert in backlog.alerts} | {note.id for note in backlog.notes})
        expired = [note.id for note in backlog.notes if note.expires <= moment.wall]
        await self._drop(expired, "expired")
        for note, result in [self._tests.pop(name) for name in list(self._tests)]:
            result.set_result(await self._try(note))
        if self._patience.channel > moment.mono:
            self._again(self._patience.channel - moment.mono)
        elif await self._alerts(backlog):
            await self._notes([note for note in backlog.notes if note.kind != "test" and note.id not in expired])

    async def _backlog(self) -> Backlog:
        """What waits, in the database and in memory; without what went out and only has to be written down."""
        try:
            stored = await asyncio.to_thread(read_backlog, self._engine, self.channel.name)
        except StoreTrouble as trouble:
            log.warning("%s: only alerts from memory go out: %s", self.channel.name, trouble)
            self._again(AGAIN_S)
            return Backlog([self._held(alert) for alert in self._unstored.values()], [])
        names = {alert.id for alert in stored.alerts} | {note.id for note in stored.notes}
        self._sent = {name: at for name, at in self._sent.items() if name in names}
        if self._sent:
            await self._store([AlertSent(self.channel.name, (name,), at) for name, at in self._sent.items()])
        alerts = [*stored.alerts, *(alert for name, alert in self._unstored.items() if name not in names)]
        waiting = [self._held(alert) for alert in alerts if alert.id not in self._sent]
        return Backlog(waiting, [note for note in stored.notes if note.id not in self._sent], stored.still)

    def _held(self, alert: Waiting) -> Waiting:
        """The alert, due no sooner than it may be tried again."""
        moment = now()
        if not (left := self._patience.left(alert.id, moment.mono)):
            return alert
        return replace(alert, due=max(alert.due or 0, moment.wall + round(left * 1000)))

    async def _alerts(self, backlog: Backlog) -> bool:
        """Send what is due. Returns whether the channel works."""
        waiting, moment = backlog.alerts, now()
        plan = plan_round(waiting, moment.wall, singles=singles_left(self._recent, moment.mono))
        await self._drop(plan.needless, "told")
        if later := [alert.due for alert in waiting if alert.due is not None and alert.due > moment.wall]:
            self._again((min(later) - moment.wall) / 1000)
        if plan.deliveries and (pause := hold_s(self._recent, moment.mono)):
            self._again(pause)
            return True
        for delivery in plan.deliveries:
            if not await self._deliver(delivery, backlog.still):
                return False
        return True

    async def _deliver(self, delivery: Delivery, still: Sequence[Incident] | None) -> bool:
        """Send one message about incidents. Returns whether others are worth a try."""
        link = await self._link(delivery)
        message = compose(delivery, self._fleet(), now().wall, acknowledge=link, still=still)
        names = [alert.id for alert in delivery.alerts]
        try:
            await self._send(bare(message) if self._patience.refusals(names[0]) >= BARE_AFTER else message)
        except NotSent as refusal:
            return await self._refused(names, refusal, delivery)
        moment = now()
        self._patience.well()
        self._recent.append(moment.mono)
        for name in delivery.settles:
            self._links.pop(name, None)
            if self._unstored.pop(name, None) is None:
                self._sent[name] = moment.wall
        await self._settle(delivery, message)
        return True

    async def _settle(self, delivery: Delivery, message: Message) -> None:
        """Write down what went out; until that is written, it is remembered."""
        stored = tuple(name for name in delivery.settles if name in self._sent)
        if not stored:
            return
        at = self._sent[stored[0]]
        spoken = [alert for alert in delivery.alerts if alert.stored]
        detail = {"channel": self.channel.name, "settles": list(delivery.settles), "severity": message.level}
        events = [
            Event("alert-sent", alert.incident.node, at, alert.incident.id, detail | {"alert": alert.id})
            for alert in spoken
        ]
        told = tuple(alert.id for alert in spoken)
        others = tuple(name for name in stored if name not in told)
        records: list[Record] = [AlertSent(self.channel.name, told, at), *events]
        if others:
            records.append(AlertDropped(self.channel.name, others, "told"))
        if await self._store(records):
            for name in stored:
                self._sent.pop(name, None)

    async def _notes(self, notes: Iterable[Note]) -> None:
        for note in notes:
            if await self._try(note):
                return

    async def _try(self, note: Note) -> str:
        """Send one message about no incident. Returns why it did not go out, "" if it did."""
        try:
            await self._send(compose_note(note, self._fleet()))
        except NotSent as refusal:
            if note.kind == "test":
                await self._store([AlertFailed(self.channel.name, (note.id,), str(refusal))])
                await self._drop([note.id], "failed")
            else:
                await self._refused([note.id], refusal)
            return str(refusal)
        self._patience.well()
        self._sent[note.id] = now().wall
        if await self._store([AlertSent(self.channel.name, (note.id,), self._sent[note.id])]):
            del self._sent[note.id]
        self._again(0)  # a channel that works again may have more to take
        return ""

    async def _send(self, message: Message) -> None:
        try:
            async with asyncio.timeout(SEND_DEADLINE_S):
                await self.channel.send(message)
        except NotSent:
            raise
        except TimeoutError as error:
            raise NotSent(f"no answer within {SEND_DEADLINE_S:g} s") from error
        except Exception as error:  # one message that cannot be sent must not end the sending of all others
            log.exception("%s: message %s", self.channel.name, message.id)
            raise NotSent(f"{type(error).__name__}, see the server's log", others=True) from error

    async def _refused(self, names: Sequence[str], refusal: NotSent, delivery: Delivery | None = None) -> bool:
        """Leave the message alone for a while, or the whole channel. Returns whether others are worth a try."""
        mono = now().mono
        first = self._patience.refusals(names[0]) == 0 if refusal.others else self._patience.failures == 0
        if refusal.others:
            pause = max(self._patience.leave(name, mono, refusal.after) for name in names)
        else:
            pause = self._patience.leave_channel(mono, refusal.after)
        self._again(pause)
        log.warning("%s: %s waits %.0f s: %s", self.channel.name, names[0], pause, refusal)
        records: list[Record] = [AlertFailed(self.channel.name, tuple(names), str(refusal))]
        if first and delivery is not None:
            incident, detail = delivery.alerts[0].incident, {"channel": self.channel.name, "error": str(refusal)}
            records.append(Event("alert-failed", incident.node, now().wall, incident.id, detail))
        await self._store(records)
        return refusal.others

    async def _link(self, delivery: Delivery) -> str:
        """The address that takes over the one incident of a message: a key for it alone, of which a hash is stored."""
        [alert, *others] = delivery.alerts
        incident = alert.incident
        if others or not alert.stored or incident.ended is not None or incident.acked is not None:
            return ""
        if alert.id not in self._links:
            secret, wall, name = secrets.token_urlsafe(SECRET_BYTES), now().wall, self.channel.name
            hashed = hashlib.sha256(secret.encode()).hexdigest()
            key = Key(hashed, "acknowledge", name, name, "operator", wall, wall + KEY_LASTS_MS, incident.id)
            if not await self._store([KeySaved(key)]):
                return ""
            self._links[alert.id] = page(self._fleet(), f"ack/{secret}")
        return self._links[alert.id]

    async def _drop(self, names: Sequence[str], outcome: Outcome) -> None:
        if names:
            await self._store([AlertDropped(self.channel.name, tuple(names), outcome)])

    async def _store(self, records: Sequence[Record]) -> bool:
        """Write records; whether they are on the disk. A database in trouble keeps no message from going out."""
        try:
            await self._submit(records)
        except StoreTrouble as trouble:
            log.warning("%s: not written: %s", self.channel.name, trouble)
            self._again(AGAIN_S)
            return False
        return True
