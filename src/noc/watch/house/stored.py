"""What HQ's telemetry needs of what is stored: on the disk, and in the watch's database."""

import os
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Final

from sqlalchemy import Engine, case, func, or_, select

from noc.watch.store.history import series
from noc.watch.store.outbox import WAITING
from noc.watch.store.schema import outbox

DAY_MS: Final = 86_400_000
HOUR_S: Final = 3_600
HISTORY_MS: Final = 14 * DAY_MS
MAX_FILES: Final = 20_000


def outbox_age_s(engine: Engine, wall: int) -> float:
    """For how many seconds the alert has waited that should have gone out first; 0 where none waits.

    Args:
        engine: the watch's database.
        wall: now, ms UTC.
    """
    due = case((outbox.c.due > outbox.c.created, outbox.c.due), else_=outbox.c.created)
    of_use = or_(outbox.c.expires.is_(None), outbox.c.expires > wall)
    with engine.connect() as connection:
        oldest: int | None = connection.scalar(select(func.min(due)).where(WAITING, of_use))
    return 0.0 if oldest is None else max(0.0, (wall - oldest) / 1000)


def disk_history(engine: Engine, hub: str, wall: int) -> list[tuple[float, float]]:
    """How full HQ's disk was in each hour of the last two weeks: days since the epoch, percent.

    Args:
        engine: the watch's database.
        hub: HQ's name, under which its samples are stored.
        wall: now, ms UTC.
    """
    points = series(engine, hub, ["disk_pct"], wall - HISTORY_MS, wall, grain=HOUR_S).points["disk_pct"]
    return [(point.at / DAY_MS, point.mean) for point in points]


def backup_age_s(directory: Path, wall: int) -> float | None:
    """Seconds since the newest backup was written; None where no backups are made.

    A directory without any backup counts from the time at which it was made.

    Args:
        directory: where backups lie.
        wall: now, ms UTC.
    """
    try:
        made = directory.stat().st_mtime
        newest = max(islice(_written(directory), MAX_FILES), default=made)
    except OSError:
        return None
    return max(0.0, wall / 1000 - newest)


def _written(directory: Path) -> Iterator[float]:
    """When each file below a directory was written, Unix seconds; what is the runner's alone counts for nothing."""
    with os.scandir(directory) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                with suppress(PermissionError):
                    yield from _written(Path(entry.path))
            elif entry.is_file(follow_symlinks=False):
                yield entry.stat(follow_symlinks=False).st_mtime
