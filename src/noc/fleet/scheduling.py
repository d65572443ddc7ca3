"""`[[schedule]]`: what HQ does by itself, and when."""

from typing import Annotated, Literal

from pydantic import Field

from noc.fleet.part import Part

Job = Literal["backup", "hub-backup", "certificates", "prices", "os-update"]
"""Backups of all nodes; HQ's own, to the second place; a look at every certificate; the provider's prices read anew;
the weekly update of the nodes' systems."""
Missed = Literal["catch-up", "skip"]


class Schedule(Part):
    """One job.

    Attributes:
        job: what is done.
        cron: when, as cron(5) writes it, on clocks of `zone` (the fleet's where left out).
        missed: what becomes of a time at which HQ was off: done once HQ is back, or left out.
        within: minutes that it may take; longer is a failure.
    """

    job: Job
    cron: Annotated[str, Field(max_length=100)]
    zone: str | None = None
    missed: Missed = "catch-up"
    within: Annotated[int, Field(ge=1, le=1_440)] = 60
