"""What an Uptime Kuma has, as far as a sync is concerned. What it says is read as foreign: anything may be missing."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from noc.watch.errors import KumaUnreachable, KumaVersion

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Notice:
    """A notification: where alerts go. `settings` holds secrets."""

    id: int
    name: str
    settings: Row = field(repr=False)


@dataclass(frozen=True)
class Seen:
    """What is there.

    Attributes:
        version: of the program.
        monitors, tags: as Uptime Kuma writes them.
        notices: notifications.
        page: the configuration of the status page with our slug; None where there is none.
        groups: what that page shows.
    """

    version: str
    monitors: tuple[Row, ...] = field(repr=False)
    tags: tuple[Row, ...]
    notices: tuple[Notice, ...]
    page: Row | None
    groups: tuple[Row, ...]


def read_version(info: object) -> str:
    """The version in an `info` event. Raises KumaVersion where it is none of 2.x."""
    version = str(info.get("version", ""))[:40] if isinstance(info, dict) else ""
    if version.partition(".")[0] != "2":
        fix = "update it: an Uptime Kuma 1.x has another protocol"
        raise KumaVersion(f"this is Uptime Kuma {version or 'without a version'}, not 2.x", fix=fix)
    return version


def read_rows(found: object, what: str) -> tuple[Row, ...]:
    """Rows of a list, or of an object by their numbers. Raises KumaUnreachable where it is neither."""
    rows = list(found.values()) if isinstance(found, dict) else found
    if not isinstance(rows, list) or not all(isinstance(row, dict) and isinstance(row.get("id"), int) for row in rows):
        raise KumaUnreachable(f"what it says of its {what} cannot be read")
    return tuple(rows)


def read_notices(found: object) -> tuple[Notice, ...]:
    """The notifications of a `notificationList` event; one whose settings are not JSON has none."""
    return tuple(
        Notice(row["id"], str(row.get("name", "")), _settings(row.get("config")))
        for row in read_rows(found, "notifications")
    )


def _settings(text: object) -> Row:
    try:
        found = json.loads(text) if isinstance(text, str) else None
    except ValueError:
        found = None
    return found if isinstance(found, dict) else {}
