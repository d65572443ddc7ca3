"""The jobs of HQ's schedule through the API: when each comes next, and what became of it last."""

from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AwareDatetime, Field

from noc.fleet.scheduling import next_time
from noc.watch.access.caller import caller_of
from noc.watch.access.people import check_headquarters
from noc.watch.api import answers
from noc.watch.api.operation import Answer, Asked, Nothing, Operation, Part
from noc.watch.clock import Moment, iso, now
from noc.watch.errors import BadOutcome
from noc.watch.judge.jobs import Tracked
from noc.watch.service.watch import Watch
from noc.watch.store.records import JobOutcome, JobState


class NewOutcome(Part):
    """What became of a job: `words` in one line; `run` where a run did it; no end while it is running."""

    state: JobState
    began: AwareDatetime
    ended: AwareDatetime | None = None
    words: Annotated[str, Field(max_length=2_000, pattern=r"^[^\x00-\x1f\x7f]*$")] = ""
    run: Annotated[str, Field(max_length=128, pattern=r"^[A-Za-z0-9._-]*$")] = ""


class JobApi:
    """The handlers; the watch decides."""

    def __init__(self, watch: Watch) -> None:
        """Take the watch that is asked."""
        self._watch = watch

    def operations(self) -> list[Operation[Any, Any]]:
        """Their table."""
        return [
            Operation(
                method="GET",
                path="/api/v1/jobs",
                summary="The jobs of HQ's schedule: when each comes next, and what became of it last.",
                role="viewer",
                handle=self.jobs,
                answers=answers.Jobs,
            ),
            Operation(
                method="PUT",
                path="/api/v1/jobs/{name}",
                summary="What became of a job; HQ itself tells that, on its own socket.",
                role="operator",
                body=NewOutcome,
                handle=self.put,
            ),
        ]

    async def jobs(self, _asked: Asked[Nothing, Nothing]) -> Answer:
        """Every job."""
        moment, fleet = now(), self._watch.config.fleet
        tracked = self._watch.judge.jobs.tracked
        rows = [document(name, job, moment) for name, job in tracked.items()]
        return {"now": iso(moment.wall), "timezone": fleet.timezone, "jobs": rows}

    async def put(self, asked: Asked[Nothing, NewOutcome]) -> Answer:
        """An outcome. Raises NotHeadquarters, BadOutcome, JobNotScheduled, StoreTrouble."""
        caller, body = caller_of(asked.request), asked.body
        check_headquarters(caller, "noc job run NAME, on HQ")
        began = round(body.began.timestamp() * 1000)
        ended = None if body.ended is None else round(body.ended.timestamp() * 1000)
        if (ended is None) != (body.state == "running"):
            raise BadOutcome(f"a job that is {body.state} {'has no end' if ended is None else 'has an end'}")
        if ended is not None and ended < began:
            raise BadOutcome("a job ended before it began")
        await self._watch.job(JobOutcome(asked.name(), body.state, began, ended, body.words, body.run))
        return None


def document(name: str, job: Tracked, moment: Moment) -> dict[str, Any]:
    """A job as the API shows it."""
    last, incident = job.last, job.case.incident
    following = next_time(job.plan.times, datetime.fromtimestamp(moment.wall / 1000, UTC))
    return {
        "job": name,
        "zone": job.plan.times.zone.key,
        "missed": job.plan.missed,
        "within_s": job.plan.within_ms // 1000,
        "next": None if following is None else iso(round(following.timestamp() * 1000)),
        "state": None if last is None else last.state,
        "began": None if last is None else iso(last.began),
        "ended": None if last is None or last.ended is None else iso(last.ended),
        "words": "" if last is None else last.words,
        "run": None if last is None or not last.run else last.run,
        "good": None if last is None or last.good is None else iso(last.good),
        "incident": None if incident is None else incident.id,
    }
