"""The outbox's worker: takes alerts from the database to people, each at least once and always with the same id."""

import asyncio
import logging
import random
from collections.abc import Callable, Sequence
from typing import Final

from sqlalchemy import Engine, select
from sqlalchemy.exc import SQLAlchemyError

from noc.fleet.model import Fleet
from noc.watch.alerts.channels import Channel, NotSent
from noc.watch.alerts.messages import Delivery, Waiting, compose, deliveries
from noc.watch.clock import now
from noc.watch.errors import StoreTrouble
from noc.watch.store.records import AlertFailed, AlertSent, Event, Incident, Record
from noc.watch.store.schema import incidents, outbox

log = logging.getLogger(__name__)

FIRST_PAUSE_S: Final = 1.0
LONGEST_PAUSE_S: Final = 30.0
SEND_DEADLINE_S: Final = 20.0

Submit = Callable[[Sequence[Record]], "asyncio.Future[None]"]


def pause_after(attempts: int, *, at_least: float = 0, chance: Callable[[], float] = random.random) -> float:
    """Seconds until the next attempt: doubling from 1 s to 30 s, spread over half to full, never below `at_least`."""
    longest = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2.0 ** min(attempts, 10))
    return max(at_least, longest * (0.5 + chance() / 2))


def waiting_alerts(engine: Engine, channel: str) -> list[Waiting]:
    """The alerts that have not gone out on a channel, each with its incident as it stands now. Raises StoreTrouble."""
    query = (
        select(
            outbox.c.id,
            outbox.c.kind,
            outbox.c.created,
            outbox.c.attempts,
            *(c.label(f"i_{c.name}") for c in incidents.c),
        )
        .join(incidents, incidents.c.id == outbox.c.incident)
        .where(outbox.c.outcome == "", outbox.c.channel == channel)
        .order_by(outbox.c.created)
    )
    try:
        with engine.connect() as connection:
            rows = connection.execute(query).mappings().all()
    except SQLAlchemyError as error:
        raise StoreTrouble("the waiting alerts cannot be read", why=type(error).__name__) from error
    return [
        Waiting(
            id=row["id"],
            kind=row["kind"],
            created=row["created"],
            attempts=row["attempts"],
            incident=Incident(**{name[2:]: value for name, value in row.items() if name.startswith("i_")}),
        )
        for row in rows
    ]


class Outbox:
    """Sends what waits on one channel. A channel in trouble is left alone for a while; the alerts stay."""

    def __init__(self, channel: Channel, engine: Engine, submit: Submit, fleet: Callable[[], Fleet]) -> None:
        """Take the channel, where alerts are read, how records are written, and the fleet as it is now."""
        self._channel, self._engine, self._submit, self._fleet = channel, engine, submit, fleet
        self._woken = asyncio.Event()
        self._not_before: dict[str, float] = {}
        self._sent: dict[str, int] = {}

    def wake(self) -> None:
        """Look again: there may be a new alert."""
        self._woken.set()

    async def run(self) -> None:
        """Send until cancelled."""
        failures = 0
        while True:
            self._woken.clear()
            try:
                pause = await self._round(failures)
                failures = failures + 1 if pause is not None else 0
            except StoreTrouble as trouble:
                log.warning("alerts wait: %s", trouble)
                pause = pause_after(0)
            if pause is not None:
                await asyncio.sleep(pause)
            else:
                await self._rest()

    async def _rest(self) -> None:
        soonest = min(self._not_before.values(), default=None)
        timeout = None if soonest is None else max(0.05, soonest - now().mono)
        try:
            await asyncio.wait_for(self._woken.wait(), timeout)
        except TimeoutError:
            return

    async def _round(self, failures: int) -> float | None:
        """Send what is due. Returns the seconds to leave the whole channel alone; None when it works."""
        waiting = await asyncio.to_thread(waiting_alerts, self._engine, self._channel.name)
        self._not_before = {key: at for key, at in self._not_before.items() if key in {alert.id for alert in waiting}}
        for delivery in deliveries(waiting):
            if self._not_before.get(delivery.alert.id, 0) > now().mono:
                continue
            try:
                await self._deliver(delivery)
            except NotSent as refusal:
                pause = await self._note(delivery, refusal, failures)
                if not refusal.others:
                    return pause
        return None

    async def _deliver(self, delivery: Delivery) -> None:
        alert = delivery.alert
        if alert.id not in self._sent:
            await self._send(alert)
            self._sent[alert.id] = now().wall
        at = self._sent[alert.id]
        incident = alert.incident
        detail = {"channel": self._channel.name, "alert": alert.id, "settles": list(delivery.settles)}
        told = "recovery" if incident.ended is not None else "SEV1" if alert.kind == "escalated" else "SEV2"
        event = Event("alert-sent", incident.node, at, incident.id, detail | {"severity": told})
        await self._submit([AlertSent(self._channel.name, delivery.settles, at), event])
        del self._sent[alert.id]

    async def _send(self, alert: Waiting) -> None:
        try:
            async with asyncio.timeout(SEND_DEADLINE_S):
                await self._channel.send(compose(alert, self._fleet()))
        except NotSent:
            raise
        except TimeoutError as error:
            raise NotSent(f"no answer within {SEND_DEADLINE_S:g} s") from error
        except Exception as error:  # one alert that cannot be sent must not end the sending of all others
            log.exception("%s: alert %s", self._channel.name, alert.id)
            raise NotSent(f"{type(error).__name__}, see the server's log", others=True) from error

    async def _note(self, delivery: Delivery, refusal: NotSent, failures: int) -> float:
        alert = delivery.alert
        pause = pause_after(alert.attempts if refusal.others else failures, at_least=refusal.after)
        if refusal.others:
            self._not_before[alert.id] = now().mono + pause
        log.warning("%s: alert %s waits %.0f s: %s", self._channel.name, alert.id, pause, refusal)
        await self._submit([AlertFailed(self._channel.name, (alert.id,), str(refusal))])
        return pause
