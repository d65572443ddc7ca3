"""When maintenance began and ended, as the log of events tells it."""

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Engine, select

from noc.watch.store.schema import events

BEGAN, ENDED = "maintenance-began", "maintenance-ended"


@dataclass(frozen=True, slots=True)
class Maintained:
    """One time in which a window held. Times are ms UTC.

    Attributes:
        scope: names of nodes, tags, batches, or `all`, as the window had them.
        until: None where its end was not recorded, because it has not come.
    """

    window: str
    scope: tuple[str, ...]
    since: int
    until: int | None


def read_maintained(engine: Engine, since: int) -> list[Maintained]:
    """Every time of maintenance that began at or after a time (ms UTC); runs in a thread of its own."""
    query = select(events.c.kind, events.c.at, events.c.detail)
    query = query.where(events.c.kind.in_((BEGAN, ENDED)), events.c.at >= since).order_by(events.c.id)
    with engine.connect() as connection:
        return pair((kind, at, detail) for kind, at, detail in connection.execute(query))


def pair(log: Iterable[tuple[str, int, dict[str, object]]]) -> list[Maintained]:
    """Beginnings with their ends, from (kind, time, detail) in order.

    One that began again without an end, as after a restart of the server, goes on. Where no end was recorded it is the
    one that the beginning announced.
    """
    found: list[Maintained] = []
    standing: dict[str, Maintained] = {}
    for kind, at, detail in log:
        window = str(detail.get("window"))
        if kind == ENDED and (began := standing.pop(window, None)) is not None:
            found.append(Maintained(window, began.scope, began.since, at))
        elif kind == BEGAN:
            until, scope = detail.get("until"), detail.get("scope")
            words = tuple(map(str, scope)) if isinstance(scope, list) else ()
            if (before := standing.get(window)) is not None and before.until is not None and before.until < at:
                found.append(standing.pop(window))
            since = standing[window].since if window in standing else at
            standing[window] = Maintained(window, words, since, until if isinstance(until, int) else None)
    return found + list(standing.values())
