"""What the dashboard shows of the schedule: each job, what became of it last, and when it comes next."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal

from noc.fleet.scheduling import next_time
from noc.watch.clock import Moment
from noc.watch.judge.jobs import Tracked
from noc.watch.service.watch import Watch

Kind = Literal["waiting", "in-hand", "done", "failed", "skipped"]
_KINDS: Final[dict[str, Kind]] = {"running": "in-hand", "ok": "done", "failed": "failed", "missed": "skipped"}
_WORDS: Final = {"running": "under way", "ok": "done", "failed": "failed", "missed": "missed"}


@dataclass(frozen=True)
class ShownJob:
    """One job. Times are ms UTC.

    Attributes:
        kind: which sign and colour it has.
        word: what became of it last, or that its time has not come yet, or that it is overdue.
        at: when that was.
        says: in its own words.
        next: when it comes next; None for never.
        incident: the open one.
    """

    name: str
    kind: Kind
    word: str
    at: int | None
    says: str
    next: int | None
    incident: int | None


def jobs(watch: Watch, now: Moment) -> list[ShownJob]:
    """Every job of the schedule, in the fleet file's order."""
    return [_shown(name, job, now) for name, job in watch.judge.jobs.tracked.items()]


def _shown(name: str, job: Tracked, now: Moment) -> ShownJob:
    last, incident = job.last, job.case.incident
    following = next_time(job.plan.times, datetime.fromtimestamp(now.wall / 1000, UTC))
    overdue = incident is not None and (last is None or last.state in {"ok", "running"})
    return ShownJob(
        name=name,
        kind="failed" if overdue else "waiting" if last is None else _KINDS[last.state],
        word="overdue" if overdue else "not yet" if last is None else _WORDS[last.state],
        at=None if last is None else last.ended or last.began,
        says="" if last is None else last.words,
        next=None if following is None else round(following.timestamp() * 1000),
        incident=None if incident is None else incident.id,
    )
