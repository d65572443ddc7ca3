"""Named steps with deadlines, taken one after the other on one node; each looks first and says when nothing was due."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from noc.errors import NocError
from noc.runs.errors import RunCut, StepTimedOut
from noc.runs.record.events import State
from noc.runs.record.run import Run

TICK_S = 5.0

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Step:
    """One step.

    Attributes:
        name: as journal and table show it.
        deadline_s: seconds after which it is given up.
        work: does it and returns what it changed, in words; nothing where all was as wanted.
    """

    name: str
    deadline_s: float
    work: Callable[[], Awaitable[Sequence[str]]]


async def walk(run: Run, node: str, steps: Sequence[Step]) -> list[str]:
    """Take steps in order, each one written down.

    Args:
        run: the run; once it is stopping, no further step is begun.
        node: the node's name.
        steps: the steps.

    Returns:
        What was changed, in words.

    Raises:
        StepTimedOut: a step had not ended by its deadline.
        RunCut: the run was asked to stop.
        LeaseLost: it may not act any more.
        NocError: what a step raised.
    """
    changed: list[str] = []
    for step in steps:
        if run.stopping.is_set():
            raise RunCut(f"{node} stopped before {step.name}", why="the run was asked to stop")
        run.check()
        changed += await _take(run, node, step)
    return changed


async def _take(run: Run, node: str, step: Step) -> Sequence[str]:
    run.record(step.name, State.STARTED, node)
    begun = time.monotonic()
    try:
        async with ticking(lambda words: run.record(step.name, State.PROGRESS, node, say=words)):
            changed = await _within(node, step)
    except NocError as error:
        run.record(step.name, State.FAILED, node, error=error.as_dict(), seconds=_since(begun))
        raise
    except Exception as error:
        log.exception("%s of %s", step.name, node)
        mistake = NocError(f"{step.name} of {node} failed", why=repr(error)[:500])
        run.record(step.name, State.FAILED, node, error=mistake.as_dict(), seconds=_since(begun))
        raise mistake from error
    run.record(step.name, State.OK, node, changed=list(changed), seconds=_since(begun))
    return changed


@asynccontextmanager
async def ticking(say: Callable[[str], object]) -> AsyncIterator[None]:
    """Say every few seconds that something still goes on, so that nobody waits in silence."""

    async def tick() -> None:
        begun = time.monotonic()
        while True:
            await asyncio.sleep(TICK_S)
            say(f"{time.monotonic() - begun:.0f} s so far")

    task = asyncio.create_task(tick())
    try:
        yield
    finally:
        task.cancel()


async def _within(node: str, step: Step) -> Sequence[str]:
    try:
        async with asyncio.timeout(step.deadline_s) as deadline:
            return await step.work()
    except TimeoutError:
        if not deadline.expired():
            raise
        raise StepTimedOut(
            f"{node}: {step.name} did not end within {step.deadline_s:g} s",
            fix=f"give the command again: it goes on at {step.name}",
        ) from None


def _since(begun: float) -> float:
    return round(time.monotonic() - begun, 2)
