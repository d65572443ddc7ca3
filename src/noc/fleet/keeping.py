"""`[keep]`: for how long HQ keeps what it holds: the watch's database, runs, releases."""

from typing import Annotated

from pydantic import Field

from noc.fleet.part import Part

Days = Annotated[int, Field(ge=1, le=36_500)]
Count = Annotated[int, Field(ge=1, le=1_000_000)]
LEAST_RUNS = 20
"""So many of the newest runs tell how long things take, and which ones were cut."""


class Keep(Part):
    """Whole days. A grain that is coarser is kept at least as long as the finer one.

    Attributes:
        heartbeats: each push as it came, and each probe of a public address.
        minutes, hours, days: what the pushes of a minute, an hour, a day come to.
        events: the log.
        incidents: incidents that are over, with their notes and their alerts.
        runs, releases: a run with its journal, a release in HQ's store.
        runs_least, releases_least: so many of the newest stay however old they are.

    Backups stay by `[backup]`. The audit, reviews and decisions are never removed. What of the rest is still needed
    stays whatever is said here: `noc.runs.retention.selection` says which.
    """

    heartbeats: Days = 7
    minutes: Days = 30
    hours: Days = 400
    days: Days = 1_095
    events: Days = 90
    incidents: Days = 1_095
    runs: Days = 400
    runs_least: Annotated[Count, Field(ge=LEAST_RUNS)] = 100
    releases: Days = 180
    releases_least: Count = 10
