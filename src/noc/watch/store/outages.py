"""What availability is made from: since when each node was heard, and every time at which it was not well."""

from dataclasses import dataclass

from sqlalchemy import Engine, func, or_, select

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


def first_heard(engine: Engine) -> dict[str, int]:
    """When each node was first heard (ms UTC): its oldest push, or the first day of its telemetry where that is older.

    Pushes are kept for some days only; of those before, the day is known.
    """
    pushes = select(heartbeats.c.node, func.min(heartbeats.c.at)).group_by(heartbeats.c.node)
    days = select(rollups.c.node, func.min(rollups.c.at)).where(rollups.c.grain == DAY_MS // 1000)
    with engine.connect() as connection:
        heard = {node: at for node, at in connection.execute(pushes)}  # noqa: C416 - as in measures
        for node, at in connection.execute(days.group_by(rollups.c.node)):
            if at <= heard.get(node, at + DAY_MS) - DAY_MS:
                heard[node] = at
    return heard
