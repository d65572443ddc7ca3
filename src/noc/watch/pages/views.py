"""A page as the server sees it: parts with a name each, rendered anew, of which only what changed is sent."""

import re
from dataclasses import dataclass, field
from typing import Final, Protocol

from noc.watch.clock import Moment

_GROWING: Final = re.compile(r'(<time (?:data-age|data-until|class)="[^"]*">)[^<]*')


@dataclass(frozen=True)
class Rendered:
    """A page's parts at one moment: HTML by the id of its section, and each row of its table by the row's id."""

    now: Moment
    title: str
    parts: dict[str, str]
    rows: dict[str, str] = field(default_factory=dict)


class View(Protocol):
    """A page that can be rendered again and again.

    `document` is the template around its parts; `table` the part that holds the rows, "" for none.
    """

    document: str
    table: str

    async def render(self) -> Rendered:
        """All parts as they are now; nothing in them depends on who looks."""
        ...


def changes(before: Rendered | None, after: Rendered, table: str) -> tuple[dict[str, str], dict[str, str]]:
    """The parts and the rows that differ; where the order of the rows differs, the whole table is a part."""
    if before is None:
        return after.parts, {}
    parts = {
        name: html
        for name, html in after.parts.items()
        if name != table and timeless(before.parts.get(name, "")) != timeless(html)
    }
    if list(before.rows) != list(after.rows):
        return parts | {table: after.parts[table]}, {}
    return parts, {name: html for name, html in after.rows.items() if timeless(before.rows[name]) != timeless(html)}


def timeless(html: str) -> str:
    """The same HTML without the words that grow by themselves: ages, and the clock."""
    return _GROWING.sub(r"\1", html)
