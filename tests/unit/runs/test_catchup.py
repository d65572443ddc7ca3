from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from noc.fleet.inventory import Inventory, Life, NodeRecord
from noc.fleet.model import Fleet
from noc.runs.paths import Paths
from noc.runs.plan.plan import Rules
from noc.runs.plan.planners import plan_deploy
from noc.runs.record.events import Verdict
from noc.runs.rollout.catchup import RETRY_S, CatchUp, Due, due, left_out, owed_after
from noc.runs.rollout.deployment import deploy
from noc.runs.site.book import Book
from noc.runs.site.site import Site
from runs_kit import NEW, NOW, OLD, World, begin_run, make_site, manifest

LIVE = NodeRecord(life=Life.LIVE, release=OLD)
OWED = LIVE.model_copy(update={"owed": NEW})


@pytest.mark.parametrize(
    ("record", "back", "tried", "caught_up"),
    [
        (OWED, True, None, True),
        (OWED, False, None, False),
        (LIVE, True, None, False),
        (OWED.model_copy(update={"life": Life.RETIRED}), True, None, False),
        (OWED, True, RETRY_S - 1, False),
        (OWED, True, RETRY_S + 1, True),
    ],
)
def test_a_node_is_caught_up_when_it_is_back_and_owed_something_and_not_tried_lately(
    record: NodeRecord, back: bool, tried: float | None, caught_up: bool
) -> None:
    before = {} if tried is None else {"frankfurt": NOW - timedelta(seconds=tried)}
    found = due(Inventory(nodes={"frankfurt": record}), {"frankfurt": back}, before, NOW)
    assert found == ((("frankfurt", NEW),) if caught_up else ())


@pytest.mark.parametrize(
    ("action", "word", "went_well", "owed"),
    [
        ("deploy", "skipped", True, NEW),
        ("deploy", "skipped", False, OLD),
        ("deploy", "confirmed", True, None),
        ("deploy", "unchanged", True, None),
        ("deploy", "untouched", False, OLD),
        ("deploy", "rolled-back", False, None),
        ("deploy", "blocked", False, None),
        ("rollback", "skipped", True, None),
    ],
)
def test_what_a_node_is_owed_after_a_run(action: str, word: str, went_well: bool, owed: str | None) -> None:
    plan: Any = SimpleNamespace(action=action, release=NEW if action == "deploy" else None)
    row = Verdict(node="x", before="", now="", verdict=word, good=word in ("confirmed", "unchanged"))
    assert owed_after(plan, row, OLD, went_well=went_well) == owed


class Begun:
    """What was begun, instead of a runner."""

    def __init__(self) -> None:
        self.runs: list[Due] = []
        self.idle = True

    async def __call__(self, found: Due) -> None:
        self.runs.append(found)


@pytest.fixture
async def left(paths: Paths, fleet: Fleet, world: World) -> str:
    """The id of a run that left frankfurt out, since it was down."""
    site: Site = make_site(paths, fleet, world)
    world.machines["frankfurt"].flaw = "unreachable"
    rules = Rules(soak=0.01, canary_soak=0.01)
    run = begin_run(paths, plan_deploy(fleet, site.book.inventory, manifest(), ["all"], NOW, rules=rules))
    run.end(await deploy(run, site), exit_code=3)
    world.machines["frankfurt"].flaw = ""
    return run.id


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> dict[str, float | None]:
    """Round trips by tunnel address; nobody answers unless a test says so."""
    trips: dict[str, float | None] = {}

    async def trip(address: str) -> float | None:
        return trips.get(address)

    monkeypatch.setattr("noc.runs.rollout.catchup.round_trip_ms", trip)
    return trips


async def test_a_node_that_is_reachable_again_gets_what_it_was_left_out_of(
    paths: Paths, fleet: Fleet, left: str, at_once: dict[str, float | None]
) -> None:
    begun = Begun()
    catch_up = CatchUp(paths, begun, lambda: begun.idle)
    await catch_up.look()
    assert begun.runs == []
    at_once[str(fleet.node("frankfurt").tunnel)] = 1.0
    await catch_up.look()
    assert begun.runs == [Due("frankfurt", NEW, left)]
    assert begun.runs[0].by == f"runner (catch-up of {left})"
    await catch_up.look()
    assert len(begun.runs) == 1, "it is not tried again at once"


async def test_nothing_is_caught_up_while_nothing_may_begin(
    paths: Paths, fleet: Fleet, left: str, at_once: dict[str, float | None]
) -> None:
    begun = Begun()
    begun.idle = False
    at_once[str(fleet.node("frankfurt").tunnel)] = 1.0
    await CatchUp(paths, begun, lambda: begun.idle).look()
    assert begun.runs == []


async def test_what_no_run_was_agreed_to_for_is_not_done(paths: Paths, fleet: Fleet, left: str) -> None:
    assert left_out(paths.runs, "frankfurt", NEW) == left
    assert left_out(paths.runs, "frankfurt", OLD) is None
    assert left_out(paths.runs, "virginia", NEW) is None


async def test_without_the_watch_nobody_is_caught_up(paths: Paths, fleet: Fleet) -> None:
    Book(paths.fleet).learn("frankfurt", owed=NEW)
    begun = Begun()
    await CatchUp(paths, begun, lambda: True).look()
    assert begun.runs == []
