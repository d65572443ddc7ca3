"""What is to come: freezes, windows of maintenance, jobs of the schedule."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from noc.agent.verbs.fields import UntrustedLine
from noc.agent.verbs.nothing import NoParams
from noc.agent.verbs.verb import Answer, Call, Done
from noc.agent.words.message import Message
from noc.agent.words.moments import moment, on_clock
from noc.agent.words.neutral import neutral, stripped
from noc.fleet.freezing import frozen
from noc.fleet.model import Fleet, Freeze
from noc.fleet.scheduling import next_time
from noc.fleet.windows import Window

_SHOWN = 20
_REASON = 200


class FreezeWindow(Answer):
    """A time in which no run begins but a rollback or a backup; `next` is when it begins next."""

    start: str
    end: str
    zone: str
    reason: str
    next: str | None


class MaintenanceWindow(Answer):
    """A time in which nobody is told of some nodes; `until` is set while it holds."""

    id: str
    scope: list[str]
    minutes: int
    who: str
    until: str | None
    next: str | None
    untrusted_reason: UntrustedLine


class ScheduledJob(Answer):
    """What HQ does by itself; `state` is what became of it last."""

    job: str
    next: str | None
    state: str | None
    ended: str | None
    untrusted_words: UntrustedLine


class Calendar(Answer):
    """What is to come; `frozen_until` is set while a freeze holds."""

    timezone: str
    frozen_until: str | None
    freezes: list[FreezeWindow]
    maintenance: list[MaintenanceWindow]
    jobs: list[ScheduledJob]


async def show(call: Call, _params: NoParams) -> Done[Calendar]:
    """What is to come, from the fleet file and the watch. Raises WatchUnreachable, FleetProblems."""
    fleet, now, watch = await call.house.fleet(), datetime.now(UTC), call.house.watch(call.actor)
    windows = (await watch.get("/api/v1/maintenance"))["windows"]
    last = {each["job"]: each for each in (await watch.get("/api/v1/jobs"))["jobs"]}
    holds = frozen(fleet.freeze, now)
    answer = Calendar(
        timezone=fleet.timezone,
        frozen_until=holds.until.isoformat() if holds else None,
        freezes=[_freeze(each, now) for each in fleet.freeze[:_SHOWN]],
        maintenance=[_maintenance(each) for each in windows[:_SHOWN]],
        jobs=_jobs(fleet, last, now),
    )
    return Done(answer, _message(answer))


def _freeze(freeze: Freeze, now: datetime) -> FreezeWindow:
    following = Window.read(freeze.start, freeze.end, freeze.zone).following(now)
    return FreezeWindow(
        start=freeze.start,
        end=freeze.end,
        zone=freeze.zone,
        reason=freeze.reason,
        next=following.isoformat() if following else None,
    )


def _maintenance(window: Mapping[str, Any]) -> MaintenanceWindow:
    same = ("id", "scope", "minutes", "until", "next")
    return MaintenanceWindow(
        **{name: window[name] for name in same},
        who=stripped(window["who"], 64),
        untrusted_reason=window["reason"],
    )


def _jobs(fleet: Fleet, last: Mapping[str, Mapping[str, Any]], now: datetime) -> list[ScheduledJob]:
    rows = []
    for each in fleet.schedule:
        following, known = next_time(each.times(fleet.timezone), now), last.get(each.job, {})
        rows.append(
            ScheduledJob(
                job=each.job,
                next=following.isoformat() if following else None,
                state=known.get("state"),
                ended=known.get("ended"),
                untrusted_words=known.get("words") or "",
            )
        )
    return rows


def _message(calendar: Calendar) -> Message:
    zone = calendar.timezone
    lines = [
        f"freeze {each.start} to {each.end}, {each.zone}: {neutral(each.reason, _REASON)}" for each in calendar.freezes
    ]
    for window in calendar.maintenance:
        at = moment(window.until or window.next)
        when = f"{'until' if window.until else 'from'} {on_clock(at, zone)}" if at else "never again"
        lines.append(f"maintenance of {', '.join(window.scope)} {when}: {neutral(window.untrusted_reason, _REASON)}")
    lines += [f"{each.job}: {on_clock(at, zone)}" for each in calendar.jobs if (at := moment(each.next))]
    until = moment(calendar.frozen_until)
    title = f"frozen until {on_clock(until, zone)}" if until else "no freeze holds"
    return Message(title, tuple(lines))
