"""Which rotations are gone on with by themselves, and for whom: nodes that the last run could not reach."""

import pytest

from noc.fleet.inventory import HubRecord, Inventory, Life, NodeRecord, save_inventory
from noc.fleet.model import Fleet
from noc.fleet.rotating import Secret
from noc.mesh.keys import generate
from noc.runs.paths import Paths
from noc.runs.plan.plan import Options, Plan
from noc.runs.record.events import Verdict
from noc.runs.rotation import returning
from noc.runs.rotation.plans import plan_rotate
from noc.runs.rotation.returning import Missed, Returning, behind, missed_by
from runs_kit import NOW, begin_run

OLD, NEW = generate()[1], generate()[1]
LIVE = NodeRecord(life=Life.LIVE)


def fleet_with(following: str | None = None, **nodes: NodeRecord) -> Inventory:
    return Inventory(hub=HubRecord(wireguard_key=OLD, wireguard_key_next=following), nodes=nodes)


def waiting(inventory: Inventory) -> dict[Secret, tuple[str, ...]]:
    return dict(behind(inventory))


def test_a_fleet_at_rest_is_nowhere_behind() -> None:
    assert waiting(fleet_with(virginia=LIVE, frankfurt=LIVE)) == {}


def test_while_hqs_key_waits_whoever_has_not_heard_of_it_is_behind() -> None:
    told = LIVE.model_copy(update={"hub_key_next": NEW})
    assert waiting(fleet_with(NEW, virginia=told, frankfurt=LIVE)) == {"hub": ("frankfurt",)}


def test_once_hq_has_switched_whoever_knows_two_keys_is_behind() -> None:
    told = LIVE.model_copy(update={"hub_key_next": OLD})
    assert waiting(fleet_with(virginia=told, frankfurt=LIVE)) == {"hub": ("virginia",)}


def test_a_node_that_is_no_more_is_behind_in_nothing() -> None:
    gone = NodeRecord(life=Life.RETIRED, hub_key_next=OLD, push_token_sha256_before="a" * 64)
    assert waiting(fleet_with(virginia=gone)) == {}


def ran(paths: Paths, plan: Plan, *verdicts: str) -> str:
    """A run of that plan that ended so."""
    run = begin_run(paths, plan)
    rows = [
        Verdict(node=node, before="", now="", verdict=word) for node, word in zip(plan.nodes, verdicts, strict=False)
    ]
    run.end(rows, exit_code=3)
    run.close()
    return run.id


def hub_plan(fleet: Fleet) -> Plan:
    inventory = fleet_with(NEW, virginia=LIVE, frankfurt=LIVE, singapore=LIVE)
    return plan_rotate(fleet, inventory, ["all"], NOW, Options(secret="hub"))


@pytest.mark.parametrize(("word", "found"), [("waits", ("frankfurt",)), ("not kept", ()), ("told", ())])
def test_whom_the_last_run_could_not_reach(paths: Paths, fleet: Fleet, word: str, found: tuple[str, ...]) -> None:
    run = ran(paths, hub_plan(fleet), "told", word)
    assert missed_by(paths.runs, "hub", ("frankfurt",)) == (run, found)


def test_a_rotation_of_another_secret_says_nothing_of_this_one(paths: Paths, fleet: Fleet) -> None:
    ran(paths, hub_plan(fleet), "told", "waits")
    assert missed_by(paths.runs, "ssh", ("frankfurt",)) == (None, ())


class Watched:
    """A runner's idle time: who can be reached, and what was begun."""

    def __init__(self, paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
        self.back: dict[str, bool] = {}
        self.idle, self.begun = True, list[Missed]()

        async def heard_again(_: Paths, names: tuple[str, ...]) -> dict[str, bool]:
            return {name: self.back.get(name, False) for name in names}

        async def begin(missed: Missed) -> None:
            self.begun.append(missed)

        monkeypatch.setattr(returning, "heard_again", heard_again)
        self.returning = Returning(paths, begin, lambda: self.idle)


@pytest.fixture
def watched(paths: Paths, fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> Watched:
    told = LIVE.model_copy(update={"hub_key_next": NEW})
    save_inventory(paths.fleet, fleet_with(NEW, virginia=told, frankfurt=LIVE, singapore=told))
    ran(paths, hub_plan(fleet), "told", "waits", "told")
    return Watched(paths, monkeypatch)


async def test_a_rotation_goes_on_once_the_node_is_back_and_not_twice(watched: Watched) -> None:
    await watched.returning.look()
    assert watched.begun == []
    watched.back["frankfurt"] = True
    for _ in range(3):
        await watched.returning.look()
    assert [(missed.secret, missed.nodes) for missed in watched.begun] == [("hub", ("frankfurt",))]


async def test_nothing_begins_beside_a_run_or_in_a_halt(watched: Watched) -> None:
    watched.back["frankfurt"], watched.idle = True, False
    await watched.returning.look()
    assert watched.begun == []


async def test_it_is_told_in_whose_name_that_is(watched: Watched) -> None:
    watched.back["frankfurt"] = True
    await watched.returning.look()
    (missed,) = watched.begun
    assert missed.by == f"runner (catch-up of {missed.run})"
