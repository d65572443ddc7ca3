"""`[keep]`: for how long the watch's database keeps what it holds."""

from typing import Annotated

from pydantic import Field

from noc.fleet.part import Part

Days = Annotated[int, Field(ge=1, le=36_500)]


class Keep(Part):
    """Whole days. A grain that is coarser is kept at least as long as the finer one.

    Attributes:
        heartbeats: each push as it came, and each probe of a public address.
        minutes, hours, days: what the pushes of a minute, an hour, a day come to.
        events: the log.
        incidents: incidents that are over, with their notes and their alerts.
    """

    heartbeats: Days = 7
    minutes: Days = 30
    hours: Days = 400
    days: Days = 1_095
    events: Days = 90
    incidents: Days = 1_095
