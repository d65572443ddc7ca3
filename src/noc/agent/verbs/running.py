"""Runs: followed and stopped."""

import asyncio
from collections.abc import Sequence
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import Field

from noc.agent.doors.runner import RunnerDoor
from noc.agent.verbs.fields import ReasonArgument, RunArgument, Untrusted, UntrustedLine
from noc.agent.verbs.nothing import NoParams
from noc.agent.verbs.verb import Answer, Call, Done, Params
from noc.agent.words.message import Message
from noc.agent.words.neutral import neutral
from noc.agent.words.plan import table
from noc.agent.words.run import outcome, run_message, trouble
from noc.errors import Usage
from noc.runs.errors import RunNotFound
from noc.runs.record.events import Event
from noc.runs.runner.view import ENDED, View, advance, counted

WAIT_MAX_S = 45
"""Seconds that a tool may wait: clients give up on a call after 60 (OpenClaw's requestTimeoutMs)."""
_LISTED = 10


class RunParams(Params):
    """Which run."""

    run: RunArgument = "last"


class WaitParams(RunParams):
    """Which run, and for how long."""

    seconds: Annotated[float, Field(ge=1, le=WAIT_MAX_S, allow_inf_nan=False, description="How long to wait.")] = (
        WAIT_MAX_S
    )


class PauseParams(Params):
    """Which run."""

    run: RunArgument


class RunNode(Answer):
    """One node of a run: where it stands; at the end what became of it."""

    node: str
    stands: str
    step: str
    untrusted_words: UntrustedLine


class RunStatus(Answer):
    """A run as it stands; `state` is `under way` until it has ended."""

    run: str
    what: str
    by: str
    phrase: str
    state: Literal["under way", "ok", "in part", "failed"]
    progress: str
    begun: str | None
    nodes: list[RunNode]
    untrusted_notice: Untrusted
    untrusted_error: Untrusted


class Paused(Answer):
    """A run that ends at its next step: what is in hand is finished or turned back, nothing else is begun."""

    run: str
    next: str


class HaltParams(Params):
    """Why everything is to stop."""

    reason: Annotated[ReasonArgument, Field(min_length=1)]


class HaltStands(Answer):
    """The halt that stands, and the run that it ends; people lift it on HQ."""

    by: str
    at: str
    untrusted_reason: Untrusted
    run: str | None


class RunRow(Answer):
    """A run in one line."""

    run: str
    what: str
    by: str
    state: str


class RunList(Answer):
    """The newest runs, newest first."""

    runs: list[RunRow]


async def status(call: Call, params: RunParams) -> Done[RunStatus]:
    """How a run stands. Raises RunNotFound."""
    shown = await call.house.runner(call.actor).ask("show", run=params.run)
    view = View()
    for document in shown["events"]:
        view = advance(view, Event.model_validate(document))
    return _status(view)


async def wait(call: Call, params: WaitParams) -> Done[RunStatus]:
    """Follow a run until it ends, or the time is over; says how far it is meanwhile. Raises RunNotFound."""
    view = View()
    try:
        async with (
            asyncio.timeout(params.seconds),
            aclosing(call.house.runner(call.actor).stream("follow", run=params.run)) as records,
        ):
            async for document in records:
                view, told = advance(view, Event.model_validate(document)), counted(view)
                if told != counted(view):
                    ended = sum(row.outcome in ENDED for row in view.rows.values())
                    await call.progress(ended, len(view.rows), counted(view))
    except TimeoutError:
        pass
    return _status(view)


async def pause(call: Call, params: PauseParams) -> Done[Paused]:
    """End a run at its next step. Raises RunNotFound where it is not under way."""
    door = call.house.runner(call.actor)
    run = await _full_id(door, params.run)
    stopped = str((await door.ask("stop", run=run))["run"])
    following = f"A person goes on with it: noc run resume {stopped}."
    return Done(Paused(run=stopped, next=following), Message(f"run {stopped} ends at its next step", (following,)))


async def halt(call: Call, params: HaltParams) -> Done[HaltStands]:
    """Stop everything at the next step, and keep new runs out."""
    answer = await call.house.runner(call.actor).ask("halt", reason=params.reason)
    order, run = answer["halt"], answer["run"]
    stands = HaltStands(by=order["by"], at=order["at"], untrusted_reason=order["why"], run=run)
    lines = [f"halted by {order['by']}: {neutral(order['why'], 200)}", "noc halt --lift, on HQ, lets runs begin again"]
    lines += [f"run {run} ends at its next step"] if run else []
    return Done(stands, Message("the fleet is halted", tuple(lines)))


async def list_runs(call: Call, _params: NoParams) -> Done[RunList]:
    """The newest runs."""
    found = (await call.house.runner(call.actor).ask("list"))["runs"][:_LISTED]
    rows = [
        RunRow(run=each["run"], what=str(each.get("what", "")), by=str(each.get("by", "")), state=each["outcome"])
        for each in found
    ]
    block = table([(each.run[-4:], each.state, each.by, each.what) for each in rows])
    return Done(RunList(runs=rows), Message("the newest runs" if rows else "there are no runs", (), block))


def read_halt(words: Sequence[str]) -> HaltParams:
    """The reason, in any number of words. Raises Usage."""
    if not words:
        raise Usage("say why, so that whoever meets the halt knows", fix="/halt the database is being moved")
    return HaltParams(reason=" ".join(words)[:200])


def _status(view: View) -> Done[RunStatus]:
    now = datetime.now(UTC)
    answer = RunStatus.model_validate(
        {
            **{name: getattr(view, name) for name in ("run", "what", "by", "phrase")},
            "state": outcome(view),
            "progress": counted(view),
            "begun": view.begun.isoformat() if view.begun else None,
            "nodes": _nodes(view),
            "untrusted_notice": view.notice,
            "untrusted_error": trouble(view),
        }
    )
    return Done(answer, run_message(view, now))


def _nodes(view: View) -> list[RunNode]:
    """Where each node stands; once the run has ended, what became of it."""
    if view.exit_code is None:
        return [
            RunNode(node=name, stands=row.outcome.value, step=row.step, untrusted_words=row.words)
            for name, row in view.rows.items()
        ]
    return [RunNode(node=each.node, stands=each.verdict, step="", untrusted_words=each.why) for each in view.verdicts]


async def _full_id(door: RunnerDoor, wanted: str) -> str:
    """The whole id of a run, of which `last` or its last four digits are given."""
    if len(wanted) > 4:
        return wanted
    known = [str(each["run"]) for each in (await door.ask("list"))["runs"]]
    found = known[:1] if wanted == "last" else [run for run in known if run.endswith(wanted)]
    if not found:
        raise RunNotFound(f"there is no run {wanted}", fix="noc run list shows them")
    return found[0]
