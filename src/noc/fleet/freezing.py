"""Freezes: times in which no run begins, because nobody would be there to see what became of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from noc.fleet.model import Freeze
from noc.fleet.windows import Window

_FORESEEN: Final = timedelta(days=60)
"""How far the end of windows that follow one another is looked for: weekly ones may fill the whole week."""


@dataclass(frozen=True)
class Frozen:
    """A window that holds now, and when runs may begin again (UTC), however many windows follow it without a gap."""

    window: Freeze
    until: datetime


def frozen(windows: Sequence[Freeze], now: datetime) -> Frozen | None:
    """Whether runs are kept from beginning.

    Args:
        windows: the fleet's, as they were loaded.
        now: an aware time.

    Returns:
        Of the windows that hold the one that ends last; None where none does.
    """
    read = [(window, Window.read(window.start, window.end, window.zone)) for window in windows]
    if (held := _longest(read, now)) is None:
        return None
    until = held.until
    while until < now + _FORESEEN and (following := _longest(read, until)):
        until = following.until
    return Frozen(held.window, until)


def _longest(read: Sequence[tuple[Freeze, Window]], now: datetime) -> Frozen | None:
    ends = ((freeze, window.holding(now)) for freeze, window in read)
    holding = [Frozen(freeze, end) for freeze, end in ends if end is not None]
    return max(holding, key=lambda held: held.until, default=None)
