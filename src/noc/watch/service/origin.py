"""That HQ was restored: its database is a copy of another time, and the watch says so, once, as an event."""

import asyncio
import logging
from pathlib import Path
from typing import Final

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from noc.watch.clock import now, span
from noc.watch.errors import StoreTrouble
from noc.watch.service.watch import Watch
from noc.watch.store.records import Event

FILE: Final = "restored.json"
"""Laid beside the database by `noc hub restore`; gone once it is told."""
_MAX_BYTES: Final = 64 * 1024

log = logging.getLogger(__name__)


class Origin(BaseModel):
    """When HQ was restored, and of which time the backup was."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    at: AwareDatetime
    backup: AwareDatetime


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


async def tell_origin(watch: Watch, path: Path) -> None:
    """Note as an event of HQ that it was restored from a copy of that age; what cannot be stored is told next time.

    What happened in between was seen by nobody, and nobody is blamed for it: see `noc.watch.service.restore`.
    """
    if (origin := read_origin(path)) is None:
        return
    old = span(round((origin.at - origin.backup).total_seconds() * 1000))
    detail = {"backup": origin.backup.isoformat(timespec="seconds"), "age": old}
    log.warning("HQ was restored from a backup of %s, %s old by then", detail["backup"], old)
    try:
        await watch.save([Event("restored", watch.config.fleet.hub.name, now().wall, detail=detail)])
    except StoreTrouble as error:
        log.warning("that HQ was restored is not stored yet: %s", error)
        return
    await asyncio.to_thread(path.unlink, missing_ok=True)
