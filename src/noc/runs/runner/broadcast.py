"""Runs are shown on the watch's page while they go on, and told of once they have ended. A watch that cannot be told
holds no run up, nor ends one."""

import asyncio
import logging
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from noc.runs.errors import WatchAbsent
from noc.runs.record.run import Run
from noc.runs.runner.briefing import briefing
from noc.runs.runner.view import Row, View, advance, closing, counted, footer, in_view
from noc.runs.site.watchdoor import WatchDoor

EVERY_S = 1.0
"""Seconds between two tellings: what happens in between is told at once afterwards."""
MOST_SHOWN = 60
"""Nodes that the page shows of a run; of more, those that failed or are in hand come first."""
_WORD, _LINE = 100, 2000

log = logging.getLogger(__name__)


class RunBroadcast:
    """Tells the watch how each run stands, at most once a second."""

    def __init__(self, watch: WatchDoor, every_s: float = EVERY_S) -> None:
        """Use a watch, which may be away."""
        self._watch, self._every_s = watch, every_s
        self._tasks: set[asyncio.Task[None]] = set()

    def show(self, run: Run) -> None:
        """Show a run from now until it ends; returns at once."""
        task = asyncio.create_task(self._show(run), name=f"show {run.id}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Wait until the last state of every run has been told."""
        await asyncio.gather(*self._tasks)

    async def _show(self, run: Run) -> None:
        latest = _Latest()
        following = asyncio.create_task(latest.follow(run))
        try:
            while not latest.over:
                await latest.changed.wait()
                latest.changed.clear()
                await self._tell(run.id, latest.view)
                if not latest.over:
                    await asyncio.sleep(self._every_s)
            await following
            await self._brief(run, latest.view)
        except Exception:
            log.exception("run %s can no longer be shown", run.id)
        finally:
            following.cancel()

    async def _tell(self, run: str, view: View) -> None:
        with suppress(WatchAbsent):
            await self._watch.show_run(run, as_shown(view, datetime.now(UTC)))

    async def _brief(self, run: Run, view: View) -> None:
        if told := briefing(view, run.plan.action, str(run.events[0].detail.get("approved_by", ""))):
            with suppress(WatchAbsent):
                await self._watch.brief("run", run.id, *told)


class _Latest:
    """A run as its records have left it."""

    def __init__(self) -> None:
        self.view, self.over = View(), False
        self.changed = asyncio.Event()

    async def follow(self, run: Run) -> None:
        try:
            async for event in run.follow():
                self.view = advance(self.view, event)
                self.changed.set()
        finally:
            self.over = True
            self.changed.set()


def as_shown(view: View, now: datetime) -> dict[str, Any]:
    """A run as the watch's page takes it (`noc.watch.pages.runs.ShownRun`).

    Args:
        view: the run.
        now: the time, UTC.
    """
    ended = view.exit_code is not None
    failure = str(view.error["what"]) if view.error else view.notice
    rows, more = in_view(view, MOST_SHOWN)
    progress = f"{counted(view)} · {closing(view)}" if ended else footer(view, now)
    return {
        "what": view.what[:_LINE],
        "phrase": view.phrase,
        "by": view.by[:_WORD],
        "begun": (view.begun or now).isoformat(),
        "notice": failure[:_LINE],
        "progress": f"{progress} · {more} more nodes" if more else progress,
        "nodes": [_node(name, row) for name, row in rows],
        "ended": view.last.isoformat() if ended and view.last else None,
        "good": view.exit_code == 0,
    }


def _node(name: str, row: Row) -> dict[str, Any]:
    return {
        "node": name,
        "wave": row.wave,
        "kind": row.outcome.value.replace(" ", "-"),
        "word": row.verdict,
        "step": row.step[:_WORD],
        "since": row.since.isoformat() if row.since else None,
        "before": row.before[:_WORD],
        "target": row.target[:_WORD],
        "says": row.words[:_LINE],
    }
