"""What somebody wants of the journals, and the command line that asks one node for it (journalctl(1)); pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from noc.runs.diagnosis.entry import FIELDS
from noc.runs.diagnosis.errors import BadWish

OURS = ("clavitor*", "caddy.service", "noc-*")
"""The units that are looked at unless others are named: the service, the proxy, and what we have put there."""
MAX_LINES = 1000
_LINES, _FOLLOW_LINES = 100, 10
_MAX_UNITS, _MAX_PATTERN, _MAX_TIME = 20, 500, 1 << 40
_UNIT = re.compile(r"[A-Za-z0-9*?\[][A-Za-z0-9:_.@*?\[\]\\-]{0,199}")


@dataclass(frozen=True)
class Wish:
    """What is wanted of each node's journal.

    Attributes:
        units: names or patterns of units.
        since, until: Unix seconds, by the node's clock; None for no bound.
        lines: the newest of each node that are wanted; None for all, which takes a `since`.
        grep: a regular expression (PCRE2) that messages have to match, "" for none.
        follow: whether what comes is wanted as well.
    """

    units: tuple[str, ...] = OURS
    since: float | None = None
    until: float | None = None
    lines: int | None = _LINES
    grep: str = ""
    follow: bool = False


def read_wish(request: Mapping[str, Any]) -> Wish:
    """What a client wants.

    Args:
        request: `units`, `since`, `until` (Unix seconds), `lines`, `grep`, `follow`; each may be missing.

    Raises:
        BadWish: one of them is nothing that a journal can be asked for.
    """
    units = tuple(str(unit) for unit in request.get("units") or OURS)
    if len(units) > _MAX_UNITS or not all(_UNIT.fullmatch(unit) for unit in units):
        raise BadWish("a unit's name cannot be used", why=f"{' '.join(units)[:200]!r}", fix="noc logs NODE -u caddy")
    since, until = _time(request.get("since")), _time(request.get("until"))
    follow, grep, lines = bool(request.get("follow")), str(request.get("grep") or ""), request.get("lines")
    if follow and until is not None:
        raise BadWish("what comes has no end that lies behind us", fix="leave out --until or --follow")
    if len(grep) > _MAX_PATTERN or not grep.isprintable():
        raise BadWish("that pattern cannot be used", why=f"it has {len(grep)} characters", fix="write a shorter one")
    if lines is None and since is None:
        lines = _FOLLOW_LINES if follow else _LINES
    if lines is not None and not 0 <= int(lines) <= MAX_LINES:
        raise BadWish(f"{int(lines)} lines of each node are too many", fix=f"write at most {MAX_LINES}, or a --since")
    return Wish(units, since, until, None if lines is None else int(lines), grep, follow)


def _time(value: object) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _MAX_TIME:
        raise BadWish("a time cannot be used", why=f"{str(value)[:40]!r} are no Unix seconds")
    return float(value)


def journalctl(wish: Wish, after: str = "") -> tuple[str, ...]:
    """The command line for one node.

    Args:
        wish: what is wanted.
        after: cursor of an entry, from behind which a cut look is to go on; "" to begin.
    """
    argv = ["journalctl", "--output=json", "--no-pager", "--quiet", f"--output-fields={','.join(FIELDS)}"]
    argv += [f"--unit={unit}" for unit in wish.units]
    if wish.until is not None:
        argv.append(f"--until=@{wish.until:.6f}")
    if wish.grep:
        argv.append(f"--grep={wish.grep}")
    if wish.follow:
        argv.append("--follow")
    if after:
        return (*argv, f"--after-cursor={after}", "--no-tail")
    if wish.since is not None:
        argv.append(f"--since=@{wish.since:.6f}")
    if wish.lines is not None:
        argv.append(f"--lines={wish.lines}")
    elif wish.follow:
        argv.append("--no-tail")
    return tuple(argv)
