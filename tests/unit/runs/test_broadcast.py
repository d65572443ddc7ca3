"""What the watch's page is told of a run, and that a run does not care whether it is."""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from noc.fleet.model import Fleet
from noc.runs.errors import WatchAbsent
from noc.runs.paths import Paths
from noc.runs.plan.planners import plan_deploy
from noc.runs.record.events import State, Verdict
from noc.runs.record.run import Run
from noc.runs.runner.broadcast import RunBroadcast
from noc.runs.site.book import Book
from noc.runs.site.watchdoor import WatchDoor
from noc.watch.pages.runs import ShownRun
from runs_kit import NAMES, NOW, begin_run, manifest


class Page(WatchDoor):
    """Remembers what it is told; `fails` lets it be away."""

    def __init__(self) -> None:
        super().__init__(Path("/nowhere"))
        self.told: list[ShownRun] = []
        self.briefed: list[tuple[str, str, str]] = []
        self.fails = False

    async def show_run(self, run: str, document: dict[str, Any]) -> None:
        if self.fails:
            raise WatchAbsent("the watch does not answer")
        self.told.append(ShownRun.model_validate(document))

    async def brief(self, about: str, name: str, title: str, lines: Sequence[str]) -> None:
        if self.fails:
            raise WatchAbsent("the watch does not answer")
        self.briefed.append((about, name, title))


@pytest.fixture
def run(paths: Paths, fleet: Fleet) -> Run:
    return begin_run(paths, plan_deploy(fleet, Book(paths.fleet).inventory, manifest(), ["all"], NOW))


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 - the page is asked, it tells nobody
            await asyncio.sleep(0.005)


def end(run: Run, code: int = 0) -> None:
    run.end([Verdict(node=name, before="", now="", verdict="confirmed", good=True) for name in NAMES], exit_code=code)


async def test_a_run_is_told_with_its_nodes_who_asked_and_its_phrase(run: Run) -> None:
    page = Page()
    broadcast = RunBroadcast(page, every_s=0)
    broadcast.show(run)
    await until(lambda: page.told)
    first = page.told[0]
    assert [node.node for node in first.nodes] == list(NAMES)
    assert (first.by, first.phrase, first.ended) == (run.by, run.plan.phrase, None)
    end(run)
    await broadcast.close()


async def test_what_happens_between_two_tellings_is_told_in_one(run: Run) -> None:
    page = Page()
    broadcast = RunBroadcast(page, every_s=0.05)
    broadcast.show(run)
    await until(lambda: page.told)
    for number in range(100):
        run.record("preflight", State.PROGRESS, "virginia", say=str(number))
    await until(lambda: page.told[-1].nodes[0].says == "99")
    assert len(page.told) < 20
    end(run)
    await broadcast.close()


async def test_the_end_is_always_told(run: Run) -> None:
    page = Page()
    broadcast = RunBroadcast(page, every_s=0)
    broadcast.show(run)
    end(run, 1)
    await broadcast.close()
    assert page.told[-1].ended is not None
    assert not page.told[-1].good
    assert page.told[-1].progress.startswith("0 of 3 done, 0 failed · took")


async def test_a_watch_that_is_away_holds_no_run_up_and_is_told_when_it_is_back(run: Run) -> None:
    page = Page()
    page.fails = True
    broadcast = RunBroadcast(page, every_s=0)
    broadcast.show(run)
    run.record("preflight", State.STARTED, "virginia")
    await asyncio.sleep(0)
    page.fails = False
    run.record("preflight", State.OK, "virginia")
    await until(lambda: page.told)
    end(run)
    await broadcast.close()


async def test_a_runs_journal_that_cannot_be_written_to_its_end_ends_the_showing(run: Run) -> None:
    page = Page()
    broadcast = RunBroadcast(page, every_s=0)
    broadcast.show(run)
    await until(lambda: page.told)
    run.close()
    await asyncio.wait_for(broadcast.close(), 5)


async def test_texts_are_cut_to_what_the_page_takes(run: Run) -> None:
    page = Page()
    broadcast = RunBroadcast(page, every_s=0)
    broadcast.show(run)
    run.record("preflight", State.FAILED, "virginia", before="v" * 500, error={"what": "x" * 1_900, "why": "y" * 1_900})
    await until(lambda: page.told and page.told[-1].nodes[0].says)
    assert (len(page.told[-1].nodes[0].says), len(page.told[-1].nodes[0].before)) == (2000, 100)
    end(run)
    await broadcast.close()


async def test_the_end_of_a_deployment_is_briefed_once(run: Run) -> None:
    page = Page()
    broadcast = RunBroadcast(page, every_s=0)
    broadcast.show(run)
    end(run)
    await broadcast.close()
    assert page.briefed == [("run", run.id, f"{run.plan.label()}: done")]


async def test_a_watch_that_takes_no_briefing_ends_the_showing_as_well(run: Run) -> None:
    page = Page()
    page.fails = True
    broadcast = RunBroadcast(page, every_s=0)
    broadcast.show(run)
    end(run)
    await asyncio.wait_for(broadcast.close(), 5)
    assert page.briefed == []
