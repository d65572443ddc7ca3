"""A job of the schedule, carried out: through the runner's door, or by root itself, and what became of it in words."""

import asyncio
import signal
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from types import FrameType
from typing import Any, Final, Literal

from noc.errors import NocError
from noc.fleet.model import Fleet
from noc.fleet.scheduling import Schedule
from noc.hub.errors import JobTooLong
from noc.hub.places import CREDENTIALS, SECOND_KEY
from noc.runs.admission.errors import FleetFrozen, Halted
from noc.runs.admission.scheduled import ACTIONS, LOOKS
from noc.runs.errors import FleetBusy
from noc.runs.record.events import Event
from noc.runs.runner.client import Client
from noc.runs.runner.view import View
from noc.runs.system.errors import FleetUnwell, OutsideWindow
from noc.watch.clock import now
from noc.watch.config import Config
from noc.watch.house.certificates import days_remaining
from noc.watch.witness.witness import trusting

LOOK_S: Final = 600.0
"""Seconds for a look at every node."""
NOT_ITS_FAULT: Final = frozenset(kind.code for kind in (FleetFrozen, Halted, FleetBusy, FleetUnwell, OutsideWindow))
"""What keeps a job from its time without having failed."""

Follow = Callable[[str, Iterable[Event]], View]
Heard = Callable[[Mapping[str, Any]], None]
Tell = Callable[[str, dict[str, Any]], Any]


@dataclass(frozen=True)
class Outcome:
    """What became of a job: `ok`, `failed`, or `missed` where it could not begin; in words; and the last run of it."""

    state: Literal["ok", "failed", "missed"]
    words: str
    run: str = ""


@dataclass(frozen=True)
class Work:
    """What a job is carried out with.

    Attributes:
        fleet: the fleet file.
        client: of the runner.
        follow: shows a run until its last record.
        heard: told what is waited for.
        tell: posts a document to the watch, and returns its answer.
    """

    fleet: Fleet
    client: Client
    follow: Follow
    heard: Heard
    tell: Tell


def carry_out(schedule: Schedule, work: Work, look: Callable[[], Config]) -> Outcome:
    """Do a job, within its time.

    Args:
        schedule: its table.
        work: with what.
        look: reads the fleet directory as the watch does; HQ's own certificates are asked for by it.
    """
    try:
        with _within(schedule):
            if schedule.job == "hub-backup":
                return _back_up()
            if schedule.job in LOOKS:
                answer = work.client.ask("job", job=schedule.job, timeout_s=LOOK_S)["look"]
                return _looked(schedule, work, answer, look)
            return _runs(schedule, work)
    except NocError as error:
        return of_error(error.code, error.what, error.why)


def of_error(code: str, what: str, why: str, run: str = "") -> Outcome:
    """What an error means for a job: it failed, or it was kept from its time by what is no fault of its own."""
    missed = code.removeprefix("NOC-").removeprefix("E") in {each.removeprefix("E") for each in NOT_ITS_FAULT}
    return Outcome("missed" if missed else "failed", ": ".join(filter(None, (what, why))), run)


def _looked(schedule: Schedule, work: Work, answer: Mapping[str, Any], look: Callable[[], Config]) -> Outcome:
    match schedule.job:
        case "certificates":
            return _certificates(answer, look())
        case "briefing":
            return _brief(work, answer)
        case "audit-head":
            return _note_head(work.fleet, answer)
        case _:
            return _prices(answer)


def _runs(schedule: Schedule, work: Work) -> Outcome:
    """The job's runs, one after the other, as long as they end well."""
    done, run = [], ""
    for action in ACTIONS[schedule.job]:
        begun = work.client.job(schedule.job, action, wait_s=schedule.within * 30, heard=work.heard)
        if begun is None:
            done.append(f"{action}: nothing to do")
            continue
        run = begun[0]
        view = work.follow(*begun)
        if view.exit_code or view.error:
            return _failed(view)
        done.append(f"{action}: {len(view.verdicts)} nodes")
    return Outcome("ok", ", ".join(done), run)


def _failed(view: View) -> Outcome:
    if view.error:
        return of_error(view.error["code"], view.error["what"], view.error.get("why", ""), view.run)
    bad = [f"{each.node} {each.verdict}" for each in view.verdicts if not each.good]
    return Outcome("failed", f"{view.what}: {', '.join(bad)}", view.run)


def _certificates(answer: Mapping[str, Any], config: Config) -> Outcome:
    """Every node's certificate as the runner saw it, and HQ's own as its proxy shows them."""
    checks = [
        (row["node"], check) for row in answer["nodes"] for check in row["checks"] if check["name"] == "certificate"
    ]
    bad = [f"{node}: {check['words']}" for node, check in checks if check["state"] != "ok"]
    days = asyncio.run(days_remaining(trusting(config), config, now()))
    if config.fleet.hub.names and not (days and days > 0):
        bad.append("HQ: " + ("its proxy shows none" if days is None else "does not hold"))
    if bad:
        return Outcome("failed", "; ".join(bad))
    own = f", HQ's for {days:.0f} days" if days is not None else ""
    return Outcome("ok", f"{len(checks)} nodes' certificates hold{own}")


def _prices(answer: Mapping[str, Any]) -> Outcome:
    return Outcome("ok", f"{len(answer['prices'])} prices in {answer['path']}")


def _brief(work: Work, head: Mapping[str, Any]) -> Outcome:
    """The day's briefing, by the watch; with it goes the audit's last entry, to where people read it."""
    lines = [f"! the audit does not hold: {problem}"[:300] for problem in head["problems"][:3]]
    lines.append(f"audit: {head['seq']}:{head['hash']}")
    name = f"{datetime.now(UTC):%Y%m%dT%H%M}"
    told = work.tell("/api/v1/briefing", {"about": "day", "name": name, "lines": lines})
    return Outcome("ok", f"{told['id']}, with the audit's entry {head['seq']}")


def _note_head(fleet: Fleet, head: Mapping[str, Any]) -> Outcome:
    """The audit's last entry, in the second place; one that does not hold is nothing to go on from."""
    from noc.hub.audithead import note  # noqa: PLC0415 - for this job alone
    from noc.hub.second_opening import opened  # noqa: PLC0415

    if head["problems"]:
        return Outcome("failed", f"the audit does not hold: {head['problems'][0]}")
    if fleet.backup.second is None:
        return Outcome("failed", "no second place is named: [backup.second] in fleet.toml")
    with opened(fleet.backup.second, CREDENTIALS / SECOND_KEY) as place:
        name = note(place, fleet.hub.name, head["seq"], head["hash"], datetime.now(UTC))
    return Outcome("ok", f"{name} in {place.where}")


def _back_up() -> Outcome:
    """HQ's own backup, made and brought to the second place."""
    from noc.hub.backup import Backups  # noqa: PLC0415 - cryptography, for this job alone

    backups, at = Backups(), datetime.now(UTC)
    made = backups.make(None, at)
    sent = backups.send(at)
    if sent is None:
        return Outcome("failed", f"{made.path.name} waits on HQ: no second place is named")
    if sent.error is not None:
        return of_error(sent.error.code, sent.error.what, sent.error.why)
    return Outcome("ok", f"{', '.join(sent.sent)} in {sent.where}, {made.bytes:,} bytes")


@contextmanager
def _within(schedule: Schedule) -> Iterator[None]:
    """Raise JobTooLong in the main thread once the job's time is over."""

    def over(_number: int, _frame: FrameType | None) -> None:
        raise JobTooLong(
            f"{schedule.job} has not come to its end within {schedule.within} min",
            why="a run that it began goes on",
            fix="noc runs; within in [[schedule]] of fleet.toml",
        )

    before = signal.signal(signal.SIGALRM, over)
    signal.setitimer(signal.ITIMER_REAL, schedule.within * 60)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
