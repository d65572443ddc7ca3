"""The jobs of HQ's schedule: what became of each, and when one is overdue.

A job that failed is an incident at once, one that was missed (a freeze, a halt, another run) when that happens twice in
a row; one of which nothing was heard a minute after it should have been over is overdue. The next success ends it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from math import inf
from typing import Final

from noc.fleet.cron import Cron
from noc.fleet.scheduling import Missed, next_time
from noc.watch.clock import Moment
from noc.watch.judge.case import Case
from noc.watch.judge.rules import Rules
from noc.watch.store.records import Event, JobOutcome, Record

GRACE_MS: Final = 60_000
"""A timer is a second late, a process takes some to start, and an outcome some to be told."""
MISSED_OFTEN: Final = 2


@dataclass(frozen=True)
class Planned:
    """A job as the fleet file has it: its times, what becomes of a missed one, and milliseconds that it may take."""

    times: Cron
    missed: Missed
    within_ms: int


@dataclass(slots=True)
class Tracked:
    """One job.

    Attributes:
        last: what became of it last; None where it never was its time.
        since: from when on its times count (ms UTC): it was not known before, or nobody watched.
        overdue: when it is, if nothing is heard until then (ms UTC).
        due: the same, monotonic seconds.
    """

    plan: Planned
    case: Case
    since: int
    last: JobOutcome | None = None
    overdue: float = inf
    due: float = inf


class Jobs:
    """Every job of the schedule; their subject is HQ.

    Attributes:
        tracked: by the job's name.
    """

    def __init__(self, ids: Iterator[int]) -> None:
        """No job yet."""
        self._ids = ids
        self.tracked: dict[str, Tracked] = {}
        self._quiet = False

    @property
    def cases(self) -> list[Case]:
        """Each job's case."""
        return [each.case for each in self.tracked.values()]

    def arrange(self, planned: Mapping[str, Planned], hub: str, rules: Rules, now: Moment) -> list[Record]:
        """Take the schedule as it is now; the incident of a job that is gone ends."""
        records: list[Record] = []
        for name in [name for name in self.tracked if name not in planned]:
            case = self.tracked.pop(name).case
            records += case.close("the schedule has it no more", now) if case.incident is not None else []
        for name, plan in planned.items():
            case = Case(hub, f"job/{name}", rules, self._ids, quiet=self._quiet)
            job = self.tracked.setdefault(name, Tracked(plan, case, now.wall))
            if job.plan != plan:
                job.plan, job.since = plan, now.wall
            job.case.rules = rules
            _expect(job, now)
        return records

    def recall(self, outcome: JobOutcome, now: Moment) -> None:
        """What became of a job before this server was started."""
        if (job := self.tracked.get(outcome.job)) is not None:
            job.last = outcome
            _expect(job, now)

    def take(self, outcome: JobOutcome, now: Moment) -> list[Record]:
        """A job began, or ended. One that is told of twice, or late, changes nothing."""
        job, last = self.tracked[outcome.job], self.tracked[outcome.job].last
        if last is not None and (outcome.began, outcome.ended or 0) <= (last.began, last.ended or 0):
            return []
        good = outcome.ended if outcome.state == "ok" else last.good if last else None
        before = last.misses if last else 0
        misses = {"missed": before + 1, "running": before}.get(outcome.state, 0)
        job.last = replace(outcome, good=good, misses=misses)
        _expect(job, now)
        detail = {"job": outcome.job, "state": outcome.state, "words": outcome.words, "run": outcome.run}
        return [job.last, Event("job", job.case.subject, now.wall, detail=detail), *self._judge(job, now)]

    def due(self) -> float:
        """The next instant at which time alone changes something."""
        overdue = (job.due for job in self.tracked.values() if job.case.incident is None and not self._quiet)
        return min([*overdue, *(case.due() for case in self.cases if case.incident is not None)], default=inf)

    def expire(self, now: Moment) -> list[Record]:
        """Do what became due at `now`, which is the exact instant that `due` named."""
        for job in self.tracked.values():
            if job.case.incident is not None and job.case.due() <= now.mono:
                return job.case.expire(now)
            if job.case.incident is None and job.due <= now.mono:
                return self._open(job, _overdue(job), now)
        return []

    def silenced(self, *, quiet: bool, now: Moment) -> list[Record]:
        """Maintenance of HQ begins or ends: what is still wrong then counts."""
        if quiet == self._quiet:
            return []
        self._quiet = quiet
        for job in self.tracked.values():
            job.due = max(job.due, now.mono)
        records = [record for case in self.cases for record in case.silenced(quiet=quiet, now=now)]
        return records if quiet else records + [each for job in self.tracked.values() for each in self._judge(job, now)]

    def extend(self, seconds: float, now: Moment) -> None:
        """Move every deadline: the server itself was away."""
        for job in self.tracked.values():
            job.due += seconds
            job.case.extend(seconds, now)

    def _judge(self, job: Tracked, now: Moment) -> list[Record]:
        """Hold what became of a job last against what should have."""
        last, case = job.last, job.case
        if last is None or last.state == "running":
            return []
        if last.state == "ok":
            return case.close(f"done: {last.words}", now) if case.incident is not None else []
        if last.state == "missed" and last.misses < MISSED_OFTEN:
            return []
        words = f"missed {last.misses} times in a row" if last.state == "missed" else "failed"
        return self._open(job, f"{last.job} {words}: {last.words}", now)

    def _open(self, job: Tracked, detail: str, now: Moment) -> list[Record]:
        job.due = inf
        if job.case.incident is not None:
            return job.case.change(detail=detail)
        return [] if self._quiet else job.case.open("job", detail, now)


def _expect(job: Tracked, now: Moment) -> None:
    """When it is overdue. Of what became due while nobody watched, one that is caught up has its time from then on."""
    at = _next(job)
    job.overdue = inf if at is None else max(at, job.since) + job.plan.within_ms + GRACE_MS
    job.due = inf if at is None else now.mono_at(round(job.overdue))


def _next(job: Tracked) -> int | None:
    """When it begins next, or began, where it runs (ms UTC)."""
    last, plan = job.last, job.plan
    if last is not None and last.state == "running":
        return last.began
    following = next_time(plan.times, _time(job.since if last is None else last.began))
    if following is not None and _ms(following) < job.since and plan.missed == "skip":
        following = next_time(plan.times, _time(job.since))
    return None if following is None else _ms(following)


def _overdue(job: Tracked) -> str:
    name = job.case.topic.removeprefix("job/")
    if job.last is not None and job.last.state == "running":
        return f"{name} has not come to its end within {job.plan.within_ms // 60_000} min"
    return f"{name} is overdue: nothing was heard of it since its time"


def _time(at: int) -> datetime:
    return datetime.fromtimestamp(at / 1000, UTC)


def _ms(at: datetime) -> int:
    return round(at.timestamp() * 1000)
