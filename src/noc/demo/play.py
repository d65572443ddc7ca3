"""One showing of the demo, from the first process to the last file removed."""

import asyncio
import signal
import time
from collections.abc import Callable

from noc.demo.stage import open_stage
from noc.demo.story import Step, Story
from noc.fleet.model import Fleet

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


async def play(fleet: Fleet, victim: str, say: Callable[[Step], None], *, port: int, for_s: float | None) -> bool:
    """Play the story, then stay up. However it ends, no process and no file is left.

    Args:
        fleet: the fleet that is played.
        victim: name of the node whose service is killed.
        say: called with each step of the story.
        port: port of the page on 127.0.0.1, 0 for any free one.
        for_s: seconds to stay up, counted from now, never less than the story takes; None until a signal comes.

    Returns:
        Whether the story was told to its end; False where a signal ended it before.

    Raises:
        ProcessDied: a process ended that should not have.
        StoryStalled: an event of the story did not come.
    """
    started, over = time.monotonic(), False
    _cancel_on_signals()
    try:
        async with open_stage(fleet, port) as stage:
            story = Story(stage, fleet.policy, started, say)
            await story.tell(victim)
            over = True
            await story.keep_telling(None if for_s is None else started + for_s)
    except asyncio.CancelledError:
        return over
    return over


def _cancel_on_signals() -> None:
    """The first signal ends the play, and whatever follows is too late to disturb the clearing up."""
    task, loop = asyncio.current_task(), asyncio.get_running_loop()
    assert task is not None
    for number in ENDING:
        loop.add_signal_handler(number, lambda: task.cancelling() or task.cancel())
