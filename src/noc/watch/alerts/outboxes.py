"""The outboxes of all channels, as the fleet file names them: what waits on a channel that is gone moves on."""

import asyncio
import logging
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Engine

from noc.errors import NotFound
from noc.fleet.model import Fleet
from noc.watch.alerts.backlog import waiting_channels
from noc.watch.alerts.channels import Channel
from noc.watch.alerts.checks import findings
from noc.watch.alerts.deliveries import Note, Waiting
from noc.watch.alerts.outbox import Outbox, Submit
from noc.watch.alerts.routing import router
from noc.watch.clock import now
from noc.watch.errors import StoreTrouble
from noc.watch.store.outbox import alert_id
from noc.watch.store.records import AlertKind, AlertMoved, Incident, IncidentSaved, MessageQueued, Record

log = logging.getLogger(__name__)

TEST_LASTS_MS: Final = 60_000
LOOK_EVERY_S: Final = 300


@dataclass(frozen=True)
class Tested:
    """What became of a test message; `error` is "" where it went out."""

    channel: str
    id: str
    error: str
    took_s: float


class Outboxes:
    """One worker a channel. All of it runs on the event loop of `run`."""

    def __init__(
        self, engine: Engine, submit: Submit, fleet: Callable[[], Fleet], channels: Callable[[], Sequence[Channel]]
    ) -> None:
        """Take where alerts are read, how records are written, the fleet as it is now, and its channels.

        Args:
            engine: of the watch's database.
            submit: queues records; the future it returns raises StoreTrouble.
            fleet: asked at every message.
            channels: asked at the start and at every `refresh`; the default channel comes first.
        """
        self._engine, self._submit, self._fleet, self._channels = engine, submit, fleet, channels
        self._route = router(fleet)
        self._outboxes: dict[str, Outbox] = {}
        self._workers: dict[str, asyncio.Task[None]] = {}
        self._checked: dict[str, Channel] = {}
        self._changed = asyncio.Event()
        self.refresh()

    def refresh(self) -> None:
        """Take the channels as they are now; the workers follow."""
        made, before = [self._of(channel) for channel in self._channels()], self._outboxes
        self._outboxes = {outbox.channel.name: outbox for outbox in made}
        gone = [before[name] for name in before.keys() - self._outboxes.keys()]
        for alert in [alert for outbox in gone for alert in outbox.unstored()] if made else []:
            made[0].tell(alert)
        self._changed.set()

    def channels(self) -> list[Channel]:
        """The channels as they are now, the default one first."""
        return [outbox.channel for outbox in self._outboxes.values()]

    def wake(self, records: Sequence[Record]) -> None:
        """Look again, where these records, which are stored, hold anything to tell."""
        if any((isinstance(each, IncidentSaved) and each.alert) or isinstance(each, MessageQueued) for each in records):
            for outbox in self._outboxes.values():
                outbox.wake()

    def tell(self, incident: Incident, kind: AlertKind) -> None:
        """Tell people of an incident that could not be stored, from memory; the message says so."""
        moment = now()
        name = f"{alert_id(incident, kind)}-m{moment.wall}"
        for channel, due in self._route(incident, kind, {}).items():
            alert = Waiting(name, kind, moment.wall, 0, incident, due, stored=False)
            if outbox := self._outboxes.get(channel) or next(iter(self._outboxes.values()), None):
                outbox.tell(alert)

    async def test(self, channel: str, who: str) -> Tested:
        """Send a test through a channel's own outbox, and wait for what becomes of it.

        Args:
            channel: its name.
            who: asks for it, and stands in the message.

        Raises:
            NotFound: no channel is called so.
        """
        if channel not in self._outboxes:
            raise NotFound(f"no channel is called {channel}", fix=f"one of {', '.join(self._outboxes)}")
        moment = now()
        text = f"{who} asked for this test of the channel {channel}. Nothing is wrong."
        message = {"title": f"Test of {channel}", "text": text}
        name, expires = f"test-{secrets.token_hex(8)}", moment.wall + TEST_LASTS_MS
        try:
            await self._submit([MessageQueued(name, channel, "test", message, moment.wall, expires)])
        except StoreTrouble as trouble:
            log.warning("a test goes out all the same: %s", trouble)
        error = await self._outboxes[channel].test(Note(name, "test", 0, expires, message))
        return Tested(channel, name, error, round(now().mono - moment.mono, 3))

    async def run(self) -> None:
        """Send until cancelled. Raises what a worker failed with for good."""
        try:
            while True:
                self._changed.clear()
                await self._follow()
                change = asyncio.create_task(self._changed.wait())
                awaited = [change, *self._workers.values()]
                done, _ = await asyncio.wait(awaited, timeout=LOOK_EVERY_S, return_when=asyncio.FIRST_COMPLETED)
                change.cancel()
                for worker in done - {change}:
                    worker.result()
        finally:
            for worker in self._workers.values():
                worker.cancel()
            await asyncio.gather(*self._workers.values(), return_exceptions=True)

    async def _follow(self) -> None:
        """One worker for each channel, and none for others; what waits nowhere waits on the default channel."""
        for name in self._workers.keys() - self._outboxes.keys():
            worker = self._workers.pop(name)
            worker.cancel()
            await asyncio.gather(worker, return_exceptions=True)
        await self._adopt()
        for name, outbox in self._outboxes.items():
            if name not in self._workers:
                self._workers[name] = asyncio.create_task(outbox.run(), name=f"outbox-{name}")
            outbox.wake()
        await self._check()

    async def _check(self) -> None:
        """Say in the log what is wrong with channels that are new or have changed."""
        channels = [channel for channel in self.channels() if self._checked.get(channel.name) != channel]
        self._checked = {channel.name: channel for channel in self.channels()}
        for channel in channels:
            for finding in await asyncio.to_thread(findings, channel):
                if finding.state != "ok":
                    log.warning("channel %s: %s. Fix: %s", finding.channel, finding.what, finding.fix)

    async def _adopt(self) -> None:
        default = next(iter(self._outboxes), None)
        if default is None:
            return
        try:
            orphaned = set(await asyncio.to_thread(waiting_channels, self._engine)) - self._outboxes.keys()
            for name in orphaned:
                log.warning("what waits for the channel %s, which is gone, goes to %s", name, default)
                await self._submit([AlertMoved(name, default)])
        except StoreTrouble as trouble:
            log.warning("alerts of channels that are gone wait: %s", trouble)

    def _of(self, channel: Channel) -> Outbox:
        """The outbox of a channel: the same one as before, where there was one, with the channel as it is now."""
        known = self._outboxes.get(channel.name)
        if known is None:
            return Outbox(channel, self._engine, self._submit, self._fleet)
        known.channel = channel
        return known
