"""That HQ was restored: its database is a copy of another time, and the watch says so, once, as an event."""

import asyncio
import logging
from pathlib import Path
from typing import Final

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from noc.fleet.files import replace
from noc.watch.clock import now, span
from noc.watch.errors import StoreTrouble
from noc.watch.service.watch import Watch
from noc.watch.store.records import Event

FILE: Final = "restored.json"
"""Laid beside the database by `noc hub restore`; gone once nobody is spared for it any more."""
LEAD_S: Final = 300.0
"""Seconds for a person to lead HQ's name to its new address."""
_MAX_BYTES: Final = 64 * 1024

log = logging.getLogger(__name__)


class Origin(BaseModel):
    """When HQ was restored, of which time the backup was, and whether the watch has said so."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    at: AwareDatetime
    backup: AwareDatetime
    told: bool = False

    def spared_until(self, fallback_after: float) -> int:
        """Until when silence counts against no node, ms UTC.

        Args:
            fallback_after: seconds after which a node looks for HQ by its name; it may have to look twice.
        """
        return round((self.at.timestamp() + LEAD_S + 2 * fallback_after) * 1000)


def read_origin(path: Path) -> Origin | None:
    """What a restore laid down; None where there was none, or the file makes no sense."""
    try:
        with path.open("rb") as file:
            return Origin.model_validate_json(file.read(_MAX_BYTES))
    except FileNotFoundError:
        return None
    except (OSError, ValidationError) as error:
        log.warning("%s is left alone: %s", path, type(error).__name__)
        return None


async def start_restored(watch: Watch, path: Path) -> None:
    """Start a watch; where HQ was restored, spare the nodes that still look for it, and say how old the copy is.

    What happened in between was seen by nobody, and nobody is blamed for it: see `noc.watch.service.restore`.

    Args:
        watch: not started yet.
        path: where a restore leaves its word.
    """
    origin, fleet = await asyncio.to_thread(read_origin, path), watch.config.fleet
    if origin is not None:
        watch.spared_until = origin.spared_until(fleet.rescue.fallback_after)
    await watch.start()
    if origin is None:
        return
    if not origin.told:
        await _tell(watch, origin, path)
    elif watch.spared_until < now().wall:
        await asyncio.to_thread(path.unlink, missing_ok=True)


async def _tell(watch: Watch, origin: Origin, path: Path) -> None:
    """Note it as an event of HQ; what cannot be stored is told at the next start."""
    old = span(round((origin.at - origin.backup).total_seconds() * 1000))
    detail = {"backup": origin.backup.isoformat(timespec="seconds"), "age": old}
    log.warning("HQ was restored from a backup of %s, %s old by then", detail["backup"], old)
    try:
        await watch.save([Event("restored", watch.config.fleet.hub.name, now().wall, detail=detail)])
        await asyncio.to_thread(replace, path, origin.model_copy(update={"told": True}).model_dump_json() + "\n")
    except (StoreTrouble, OSError) as error:
        log.warning("that HQ was restored is not stored yet: %s", error)
