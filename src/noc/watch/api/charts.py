"""Telemetry over time, as the API tells it."""

import asyncio
from typing import Annotated, Any, Final, Literal

from pydantic import AwareDatetime, Field

from noc.watch.api import answers
from noc.watch.api.operation import Answer, Asked, Nothing, Operation, Part
from noc.watch.clock import iso, now
from noc.watch.errors import BadRequest
from noc.watch.push.telemetry import FIELDS
from noc.watch.service.watch import Watch
from noc.watch.store.history import MOST_POINTS, series

DAY_MS: Final = 86_400_000
LATEST_MS: Final = 253_402_300_800_000  # the end of the year 9999, where dates end
GRAINS: Final[dict[str, int]] = {"minute": 60, "hour": 3_600, "day": 86_400}


class WhichTelemetry(Part):
    """Which fields (all of the contract's by default), from when to when (the last day), how fine (as fine as fits)."""

    field: Annotated[tuple[Annotated[str, Field(max_length=64)], ...], Field(max_length=32)] = ()
    since: AwareDatetime | None = None
    until: AwareDatetime | None = None
    grain: Literal["auto", "minute", "hour", "day"] = "auto"


class ChartApi:
    """The handler of telemetry's history."""

    def __init__(self, watch: Watch) -> None:
        """Take the watch that is asked."""
        self._watch = watch

    def operations(self) -> list[Operation[Any, Any]]:
        """Its one row."""
        return [
            Operation(
                method="GET",
                path="/api/v1/nodes/{name}/telemetry",
                summary="What a node's telemetry was over time: least, most and mean of each minute, hour or day.",
                role="viewer",
                query=WhichTelemetry,
                handle=self.telemetry,
                answers=answers.TelemetryHistory,
            )
        ]

    async def telemetry(self, asked: Asked[WhichTelemetry, Nothing]) -> Answer:
        """A node's telemetry between two times."""
        name, query = self._watch.config.fleet.node(asked.name()).name, asked.query
        since, until = span_of(query, now().wall)
        grain = GRAINS.get(query.grain)
        if grain is not None and (until - since) / 1000 > grain * MOST_POINTS:
            raise BadRequest(f"at most {MOST_POINTS} points come at once", fix="a shorter time, or a wider grain")
        fields = query.field or tuple(FIELDS)
        found = await asyncio.to_thread(series, self._watch.store.engine, name, fields, since, until, grain=grain)
        return {
            "node": name,
            "since": iso(since),
            "until": iso(until),
            "grain_s": found.grain,
            "fields": {
                field: [
                    {"at": iso(each.at), "least": each.least, "most": each.most, "mean": each.mean, "count": each.count}
                    for each in points
                ]
                for field, points in found.points.items()
                if points
            },
        }


def span_of(query: WhichTelemetry, wall: int) -> tuple[int, int]:
    """From when to when (ms UTC): the last day where nothing else is asked. Raises BadRequest for a span of nothing."""
    until = wall if query.until is None else round(query.until.timestamp() * 1000)
    since = until - DAY_MS if query.since is None else round(query.since.timestamp() * 1000)
    if not 0 <= since < until < LATEST_MS:
        raise BadRequest("since lies before until, and both after 1970", why=f"{since} ms to {until} ms")
    return since, until
