"""Maintenance as it is announced: who and when, and no word of why or by whom."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Final

from noc.watch.judge.windows import Planned
from noc.watch.public.facts import MaintenanceFacts

AHEAD: Final = timedelta(days=14)


def announced(windows: Iterable[Planned], now: int) -> list[MaintenanceFacts]:
    """What holds now, and what begins within two weeks. `now` is ms UTC; so are the times in the answer."""
    instant = datetime.fromtimestamp(now / 1000, UTC)
    found = []
    for planned in windows:
        if planned.until is not None:
            found.append(MaintenanceFacts(sorted(planned.names), now, planned.until))
        start = planned.when.following(instant)
        if start is not None and start <= instant + AHEAD:
            end = planned.when.holding(start) or start
            found.append(MaintenanceFacts(sorted(planned.names), _ms(start), _ms(end)))
    return found


def _ms(instant: datetime) -> int:
    return round(instant.timestamp() * 1000)
