"""Times as commands show them: on the fleet's clock, with UTC beside it."""

from datetime import UTC, datetime, tzinfo
from functools import cache


def shown(at: str) -> str:
    """A time in ISO form, as `Mon 2026-03-02 07:00:00 CET (06:00:00 UTC)`; in UTC alone where the fleet is not ours."""
    from noc.runs.admission.clock import told  # noqa: PLC0415 - help stays light

    return told(datetime.fromisoformat(at).astimezone(_zone()))


def of_watch(at: str | None, timezone: str) -> str:
    """A time in ISO form as the watch's answers hold it, on the fleet's clock that they name; "-" for none.

    `14:03:22 CET (13:03:22 UTC, 2026-03-01)`, as alerts say it.
    """
    from noc.watch.clock import from_iso, local  # noqa: PLC0415

    return local(from_iso(at), timezone) if at else "-"


def in_utc(at: str) -> str:
    """A time in ISO form to the minute, where no fleet's clock is known: `2026-03-01 13:03 UTC`."""
    return f"{datetime.fromisoformat(at).astimezone(UTC):%Y-%m-%d %H:%M} UTC"


@cache
def _zone() -> tzinfo:
    from noc.runs.paths import Paths  # noqa: PLC0415
    from noc.runs.runner.controls import fleet_zone  # noqa: PLC0415

    return fleet_zone(Paths.from_environment())
