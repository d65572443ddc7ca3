"""What availability is made from: since when each node was heard, and every time at which it was not well."""

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Engine, and_, func, or_, select

from noc.watch.store.records import Severity
from noc.watch.store.schema import heartbeats, incidents, rollups

DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class Outage:
    """An incident of a node's liveness, as far as availability is concerned. Times are ms UTC.

    Attributes:
        node: a node's name, the hub's, or a group.
        ended: None while it is open.
    """

    id: int
    node: str
    severity: Severity
    started: int
    ended: int | None
    verdict: str
    parent: int | None


def read_outages(engine: Engine, since: int) -> list[Outage]:
    """Every incident of liveness that was open at or after a time (ms UTC), the oldest first."""
    columns = (incidents.c[name] for name in Outage.__slots__)
    late = or_(incidents.c.ended.is_(None), incidents.c.ended >= since)
    query = select(*columns).where(incidents.c.topic == "liveness", late).order_by(incidents.c.started)
    with engine.connect() as connection:
        return [Outage(**row) for row in connection.execute(query).mappings()]


def first_heard(engine: Engine, nodes: Iterable[str]) -> dict[str, int]:
    """When nodes were first heard (ms UTC): the oldest push, or the first day of telemetry where that is older.

    Pushes are kept for some days only; of those before, the day is known. A node that was never heard is left out.
    """
    heard: dict[str, int] = {}
    with engine.connect() as connection:
        for node in nodes:  # one by one: each is the end of an index, all at once would be the whole table
            push = connection.scalar(select(func.min(heartbeats.c.at)).where(heartbeats.c.node == node))
            of_days = and_(rollups.c.node == node, rollups.c.grain == DAY_MS // 1000)
            day = connection.scalar(select(func.min(rollups.c.at)).where(of_days))
            if day is not None and (push is None or day <= push - DAY_MS):
                heard[node] = day
            elif push is not None:
                heard[node] = push
    return heard
