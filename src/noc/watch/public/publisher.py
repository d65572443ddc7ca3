"""Keeps the public files fresh while the watch can stand behind them, and lets them lapse as soon as it cannot."""

import asyncio
import logging
from collections.abc import Sequence
from datetime import UTC
from pathlib import Path
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from noc.watch.api.uptime import read_days
from noc.watch.clock import Moment, now
from noc.watch.errors import CannotPublish
from noc.watch.judge.scene import scopes_of
from noc.watch.public.facts import Facts, Place, gather
from noc.watch.public.folder import Folder
from noc.watch.public.plans import announced
from noc.watch.public.site import site
from noc.watch.service.watch import Watch
from noc.watch.store.outages import DAY_MS, read_outages
from noc.watch.store.records import IncidentSaved, Record

log = logging.getLogger(__name__)

EVERY_S: Final = 15.0
VALID_S: Final = 90
SOON_S: Final = 1.0
DAYS: Final = 90


class Publisher:
    """Publishes every 15 s, and at once when an incident changes; what was published holds for 90 s."""

    def __init__(self, watch: Watch, folder: Path) -> None:
        """Take the watch, and the folder that is served."""
        self._watch, self._folder = watch, Folder(folder)
        self._changed = asyncio.Event()
        self._failing = False
        watch.listeners.append(self._follow)

    async def run(self) -> None:
        """Publish until cancelled; trouble with the public files is none of the watch's."""
        while True:
            self._changed.clear()
            if not self._watch.broken:
                await self._try()
            try:
                await asyncio.wait_for(self._changed.wait(), EVERY_S)
                await asyncio.sleep(SOON_S)  # a storm of changes is one change
            except TimeoutError:
                continue

    async def publish(self, moment: Moment) -> None:
        """Publish what holds at a moment. Raises CannotPublish."""
        try:
            facts = await self.facts(moment)
            files = await asyncio.to_thread(site, facts)
            await asyncio.to_thread(self._folder.write, files, at=facts.at, until=facts.until)
        except (OSError, SQLAlchemyError) as error:
            why = error.strerror if isinstance(error, OSError) else type(error).__name__
            raise CannotPublish(
                "the public page is not fresh any more", why=why or "", fix="see /var/lib/noc-public"
            ) from error

    async def facts(self, moment: Moment) -> Facts:
        """What is public at a moment. Raises SQLAlchemyError where the database cannot be read."""
        watch, at = self._watch, moment.wall
        fleet, engine = watch.config.fleet, watch.store.engine
        live = [each.node for each in watch.config.nodes.values() if each.live]
        outages = await asyncio.to_thread(read_outages, engine, at - DAYS * DAY_MS)
        names = [node.name for node in live]
        days = await asyncio.to_thread(read_days, engine, names, scopes_of(fleet), now=at, zone=UTC, days=DAYS)
        return gather(
            fleet=fleet.name,
            domain=f"soc.{fleet.domain}",
            places=[Place(node.name, node.city, node.country) for node in live],
            outages=outages,
            days=days,
            pending=[name for name in names if watch.judge.nodes[name].state(moment) == "pending"],
            maintained=[name for name in names if watch.judge.nodes[name].windows],
            maintenance=announced(watch.judge.maintenance.calendar.planned.values(), at),
            at=at,
            until=at + VALID_S * 1000,
        )

    async def _try(self) -> None:
        try:
            await self.publish(now())
        except CannotPublish as trouble:
            if not self._failing:
                log.warning("%s", trouble)
            self._failing = True
        except Exception:  # whatever it was: the page lapses, and the watch goes on
            log.exception("the public page cannot be made")
        else:
            self._failing = False

    def _follow(self, records: Sequence[Record]) -> None:
        if any(isinstance(record, IncidentSaved) for record in records):
            self._changed.set()
