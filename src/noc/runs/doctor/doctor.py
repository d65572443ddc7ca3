"""The doctor: every line of everything that is looked after, worst first.

A room that has something to look after adds a file here with one pure function from `Care` to lines, and its name to
`LINES`. Nothing is asked of a node: what HQ has written down is enough, so that the doctor answers at once.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from noc.runs.doctor.ages import age_lines, file_lines, rotation_lines
from noc.runs.doctor.backups import backup_lines
from noc.runs.doctor.care import Care
from noc.runs.doctor.chats import chat_lines
from noc.runs.doctor.hubkey import hub_key_lines
from noc.runs.doctor.line import Line, State
from noc.runs.doctor.second import second_lines
from noc.runs.doctor.tenants import tenant_lines
from noc.runs.site.site import Site

LINES: Final[tuple[Callable[[Care], Iterable[Line]], ...]] = (
    backup_lines,
    second_lines,
    chat_lines,
    hub_key_lines,
    tenant_lines,
    rotation_lines,
    file_lines,
    age_lines,
)
_RANK: Final[dict[State, int]] = {"wrong": 0, "due": 1, "ok": 2}


def examine(care: Care, lines: Iterable[Callable[[Care], Iterable[Line]]] = LINES) -> tuple[Line, ...]:
    """Every line, those that are wrong first, then those that are due, each in the order of who says them."""
    found = [line for of in lines for line in of(care)]
    return tuple(sorted(found, key=lambda line: _RANK[line.state]))


async def doctor_look(site: Site, _names: Sequence[str]) -> dict[str, Any]:
    """What the runner answers: `{"lines": [Line as a document, …], "wrong": how many, "due": how many}`.

    The runner answers, for what lines read may be the runner's alone.
    """
    care = Care(site.fleet, site.book.inventory, site.paths, datetime.now(UTC))
    lines = await asyncio.to_thread(examine, care)
    count = {state: sum(line.state == state for line in lines) for state in _RANK}
    return {"lines": [line.as_dict() for line in lines], "wrong": count["wrong"], "due": count["due"]}
