"""Times as chats show them: on the fleet's clocks, and how long ago."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from noc.runs.admission.clock import lasting


def moment(text: str | None) -> datetime | None:
    """A time of a document, as an aware one in UTC; None for none."""
    return datetime.fromisoformat(text).astimezone(UTC) if text else None


def on_clock(at: datetime, timezone: str) -> str:
    """A time as the fleet's clocks show it: `Mon 07:00 CET`; the date is named where it is not today's."""
    there = at.astimezone(ZoneInfo(timezone))
    today = datetime.now(UTC).astimezone(there.tzinfo).date()
    return f"{there:%H:%M %Z}" if there.date() == today else f"{there:%a %Y-%m-%d %H:%M %Z}"


def ago(text: str | None, now: str) -> str:
    """How long before `now` something was, both as documents write it: `5 min 3 s ago`; `never` for None."""
    at, until = moment(text), moment(now)
    if at is None or until is None:
        return "never"
    return f"{lasting((until - at).total_seconds())} ago"
