"""HQ's own telemetry: a sample every half minute, judged by rules as a node's is, and stored under HQ's name."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, TypeVar

from sqlalchemy.exc import SQLAlchemyError

from noc.watch.clock import Moment, now
from noc.watch.errors import CannotTrust, StoreTrouble
from noc.watch.house import machine
from noc.watch.house.certificates import days_remaining
from noc.watch.house.forecast import days_left
from noc.watch.house.stored import backup_age_s, disk_history, outbox_age_s
from noc.watch.house.timekeeping import clock_offset, nodes_offset
from noc.watch.house.timers import failed_timers
from noc.watch.service.watch import Watch
from noc.watch.store.engine import file_of
from noc.watch.store.records import Beat, Record
from noc.watch.witness.witness import trusting

log = logging.getLogger(__name__)

BACKUPS: Final = Path("/var/lib/noc/backups")
PATHS: Final = (Path("/"), Path("/var/lib/noc"), Path("/var/log"))
SELDOM_S: Final = 600
"""What changes by the hour, and costs more to ask, is asked so often."""
HELD_UP_S: Final = 5.0
UNWRITTEN_S: Final = 60.0

Sample = dict[str, float]
Tell = Callable[[Sample, Moment], object]
Age = Callable[[Moment], float | None]
Answer = TypeVar("Answer")


class House:
    """Takes the samples, and says whether the watch truly works.

    Attributes:
        ages: further fields: name → for how many seconds something has not happened, None where it need not.
    """

    def __init__(self, watch: Watch, tell: Tell, *, backups: Path = BACKUPS) -> None:
        """Take the watch, who judges each sample, and where backups lie."""
        self._watch, self._tell, self._backups = watch, tell, backups
        self.ages: dict[str, Age] = {}
        self._cpu = machine.cpu_times(machine.read("/proc/stat"))
        self._seldom: dict[str, float | None] = {}
        self._asked = float("-inf")
        self._outbox_s: float | None = None
        self._committed = now().mono
        file = file_of(watch.store.engine)
        self._files = () if file is None else (file,)
        watch.listeners.append(self._written)

    async def run(self) -> None:
        """Sample until cancelled."""
        while True:
            moment = now()
            sample = await self.sample(moment)
            self._tell(sample, moment)
            beat = Beat(self._watch.config.fleet.hub.name, moment.wall, msg="HQ", telemetry=dict(sample))
            with suppress(StoreTrouble):  # a database in trouble has its own alarm, and this sample was judged
                await self._watch.save([beat])
            await asyncio.sleep(self._watch.config.fleet.house.interval)

    async def sample(self, moment: Moment) -> Sample:
        """What is known of HQ now: field → value; what is not known is left out."""
        if moment.mono - self._asked >= SELDOM_S:
            self._asked, self._seldom = moment.mono, await self._ask_seldom(moment)
        timers, clock = await asyncio.gather(failed_timers(moment.wall), clock_offset(moment.wall))
        self._outbox_s = await _read(lambda: outbox_age_s(self._watch.store.engine, moment.wall))
        known = {
            **self._machine(),
            **self._seldom,
            "clock_offset_s": nodes_offset(self._differences(moment)) if clock is None else clock,
            "timers_failed": None if timers is None else len(timers),
            "outbox_age_s": self._outbox_s,
            **{name: age(moment) for name, age in self.ages.items()},
        }
        return {name: round(value, 3) for name, value in known.items() if value is not None}

    def ailing(self, moment: Moment) -> str:
        """What keeps the watch from working, in words; "" where it judges, writes, and its alerts go out."""
        if self._watch.broken:
            return "the watch's database is in trouble"
        if (held := moment.mono - self._watch.judged) > HELD_UP_S:
            return f"nothing was judged for {held:.0f} s"
        if (unwritten := moment.mono - self._committed) > UNWRITTEN_S:
            return f"nothing was written for {unwritten:.0f} s"
        if self._outbox_s is None:
            return "it is not known whether alerts go out"
        if self._outbox_s > self._watch.config.fleet.house.outbox_stuck:
            return f"an alert has been waiting for {self._outbox_s:.0f} s"
        return ""

    def _written(self, _records: Sequence[Record]) -> None:
        self._committed = now().mono

    def _machine(self) -> dict[str, float | None]:
        before, self._cpu = self._cpu, machine.cpu_times(machine.read("/proc/stat"))
        return {
            "disk_pct": machine.disk_pct((*PATHS, *self._files)),
            "ram_pct": machine.ram_pct(machine.read("/proc/meminfo")),
            "cpu_pct": machine.cpu_pct(before, self._cpu),
            "uptime_s": machine.uptime_s(machine.read("/proc/uptime")),
        }

    async def _ask_seldom(self, moment: Moment) -> dict[str, float | None]:
        config = self._watch.config
        try:
            days = await days_remaining(trusting(config), config, moment)
        except CannotTrust as trouble:
            log.error("HQ's own certificates are not looked at: %s", trouble)  # noqa: TRY400 - the sentence says all
            days = None
        engine, hub = self._watch.store.engine, config.fleet.hub.name
        history = await _read(lambda: disk_history(engine, hub, moment.wall))
        return {
            "cert_days_remaining": days,
            "disk_days_left": days_left(history or []),
            "backup_age_s": await asyncio.to_thread(backup_age_s, self._backups, moment.wall),
        }

    def _differences(self, moment: Moment) -> list[float]:
        """Seconds by which the clocks of nodes heard of late are behind ours, their pushes' way included."""
        judge = self._watch.judge
        late = moment.mono - judge.rules.patience
        beats = [each.last for each in judge.nodes.values() if each.live and each.heard > late]
        return [(beat.at - beat.sent) / 1000 for beat in beats if beat is not None and beat.sent is not None]


async def _read(query: Callable[[], Answer]) -> Answer | None:
    """What a query of the watch's database answers, from a thread of its own; None where it cannot be read."""
    try:
        return await asyncio.to_thread(query)
    except SQLAlchemyError:
        return None
