"""Times as commands show and read them: on the fleet's clock, with UTC beside it."""

import re
from datetime import UTC, datetime, timedelta, tzinfo
from functools import cache
from typing import Final

from noc.errors import Usage
from noc.fleet.spans import read_span

EXAMPLES: Final = "2026-03-01T18:00+01:00, 2h ago, or yesterday 18:00 on the fleet's clock"
"""What `read_time` takes."""


def shown(at: str) -> str:
    """A time in ISO form, as `Mon 2026-03-02 07:00:00 CET (06:00:00 UTC)`; in UTC alone where the fleet is not ours."""
    from noc.runs.admission.clock import told  # noqa: PLC0415 - help stays light

    return told(datetime.fromisoformat(at).astimezone(fleet_clock()))


def of_watch(at: str | None, timezone: str) -> str:
    """A time in ISO form as the watch's answers hold it, on the fleet's clock that they name; "-" for none.

    `14:03:22 CET (13:03:22 UTC, 2026-03-01)`, as alerts say it.
    """
    from noc.watch.clock import from_iso, local  # noqa: PLC0415

    return local(from_iso(at), timezone) if at else "-"


def in_utc(at: str) -> str:
    """A time in ISO form to the minute, where no fleet's clock is known: `2026-03-01 13:03 UTC`."""
    return f"{datetime.fromisoformat(at).astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def moment(text: str | None) -> str | None:
    """A time that a person typed, on the fleet's clock, in ISO form with its zone; None for none. Raises Usage."""
    return read_time(text, datetime.now(fleet_clock())).isoformat() if text else None


def read_time(text: str, now: datetime) -> datetime:
    """A time in the past, or the present one.

    Args:
        text: ISO 8601 with its zone, a span and `ago`, `today` or `yesterday` and a time of day, or `now`.
        now: the time, in the timezone of what has none of its own.

    Raises:
        Usage: it is none of these, lies ahead, or is one that a clock showed twice or not at all.
    """
    words = text.strip()
    if words == "now":
        return now
    if found := re.fullmatch(r"(\S+) ago", words):
        return now.astimezone(UTC) - timedelta(milliseconds=read_span(found[1]))
    at = _day(words, now) or _iso(words)
    if at > now:
        raise Usage(f"{text[:40]} lies ahead", fix=f"write {EXAMPLES}")
    return at


def _day(words: str, now: datetime) -> datetime | None:
    found = re.fullmatch(r"(today|yesterday) ([01]?[0-9]|2[0-3]):([0-5][0-9])", words)
    if found is None:
        return None
    day = now - timedelta(days=found[1] == "yesterday")
    at = day.replace(hour=int(found[2]), minute=int(found[3]), second=0, microsecond=0, fold=0)
    if at.utcoffset() != at.replace(fold=1).utcoffset():
        why = "the clock was changed then: it showed that time twice, or not at all"
        raise Usage(f"{words} is no one time", why=why, fix="write it with its zone: 2026-03-29T01:30+00:00")
    return at


def _iso(words: str) -> datetime:
    try:
        at = datetime.fromisoformat(words)
    except ValueError:
        raise Usage(f"{words[:40]!r} is no time", fix=f"write {EXAMPLES}") from None
    if at.tzinfo is None:
        raise Usage(f"{words[:40]} has no zone", why="it could be several times", fix=f"write {EXAMPLES}")
    return at


@cache
def fleet_clock() -> tzinfo:
    """The fleet's timezone; UTC where the fleet is not ours to read."""
    from noc.runs.paths import Paths  # noqa: PLC0415
    from noc.runs.runner.controls import fleet_zone  # noqa: PLC0415

    return fleet_zone(Paths.from_environment())
