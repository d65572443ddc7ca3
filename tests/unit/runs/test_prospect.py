"""What a plan says of a node, judged by what the node says of itself."""

from datetime import timedelta
from typing import Any

import pytest

from noc.hosts.activation import NodeFacts, Snapshot
from noc.hosts.bundle import Bundle
from noc.hosts.files import File
from noc.release.manifest import Manifest
from noc.runs.plan.plan import NodePlan, Plan, Rules
from noc.runs.rollout.preflight import ROOM
from noc.runs.rollout.prospect import LEAST_MEMORY, Answer, Headquarters, in_waves, previous, prospect
from runs_kit import MANIFESTS, NEW, NOW, OLD, manifest

OLDER = "c" * 64
BUNDLE = Bundle({"/etc/caddy/Caddyfile": File("frankfurt", 0o644)})
HQ = Headquarters({**MANIFESTS, OLDER: manifest(OLDER, "0.9.0", 1)}, fence=7, now=NOW)


def facts(**changes: Any) -> NodeFacts:
    known: dict[str, Any] = {
        "current": OLD,
        "version": "1.0.0",
        "fence": 7,
        "pending": None,
        "proven": (OLD,),
        "disk_free_bytes": 1 << 40,
        "memory_free_bytes": 1 << 30,
        "releases": (OLD,),
        "builds": {OLD: 1},
    }
    return NodeFacts(**{**known, **changes})


def plan(**changes: Any) -> Plan:
    known: dict[str, Any] = {"action": "deploy", "nodes": ("frankfurt",), "release": NEW, "created": NOW}
    return Plan(**{**known, **changes})


def row(answer: Answer, of: Plan | None = None, hq: Headquarters = HQ) -> NodePlan:
    return prospect(of or plan(), "frankfurt", answer, hq, 1)


def test_a_release_that_the_node_lacks_is_to_be_sent_and_activated() -> None:
    found = row(Answer(facts()))
    assert (found.state, found.running, found.target, found.bytes) == ("change", OLD, NEW, 1000)


def test_a_release_that_lies_there_already_is_not_sent_again() -> None:
    assert row(Answer(facts(releases=(OLD, NEW)))).bytes == 0


def test_of_a_release_whose_transfer_was_cut_only_the_rest_is_sent() -> None:
    assert row(Answer(facts(partial={NEW: 400}))).bytes == 600


def test_a_node_that_runs_and_has_proven_the_release_stays_as_it_is() -> None:
    found = row(Answer(facts(current=NEW, proven=(OLD, NEW))))
    assert (found.state, found.bytes, found.problems) == ("unchanged", 0, ())


def test_a_node_that_cannot_be_reached_is_down_and_says_why() -> None:
    found = row(Answer(down="no answer within 8 s"))
    assert (found.state, found.problems) == ("down", ("no answer within 8 s",))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"pending": "20260301T110000000-00aa"}, "is not settled"),
        ({"fence": 8}, "was HQ restored"),
        ({"disk_free_bytes": ROOM}, "MiB free"),
        ({"memory_free_bytes": LEAST_MEMORY - 1}, "MiB memory free"),
        ({"current": None, "proven": (), "builds": {}}, "noc provision"),
        ({"proven": (OLD,), "builds": {OLD: 2}}, "its build 2 is not above 2"),
    ],
)
def test_what_is_in_the_way_blocks_the_node(changes: dict[str, Any], words: str) -> None:
    found = row(Answer(facts(**changes)))
    assert found.state == "blocked"
    assert words in " ".join(found.problems)


def test_all_problems_of_a_node_are_named_at_once() -> None:
    broken = facts(pending="r", fence=9, disk_free_bytes=0, memory_free_bytes=0)
    assert len(row(Answer(broken, problems=("and one more",))).problems) == 5


def test_room_is_kept_for_a_snapshot_as_large_as_the_last() -> None:
    last = Snapshot(number=1, run="r", at="", release=OLD, schema=1, bytes=1 << 30)
    assert row(Answer(facts(disk_free_bytes=ROOM + (1 << 30), snapshots=(last,)))).state == "blocked"


def test_an_expired_release_is_refused_unless_the_node_has_itself_proven_it() -> None:
    late = Headquarters(HQ.releases, fence=7, now=NOW + timedelta(days=91))
    assert "expired" in " ".join(row(Answer(facts()), hq=late).problems)
    assert row(Answer(facts(proven=(NEW, OLD), builds={NEW: 2, OLD: 1})), hq=late).state == "change"


def test_a_release_that_hq_lost_cannot_be_deployed() -> None:
    assert "not in HQ's store" in " ".join(row(Answer(facts()), hq=Headquarters({}, fence=7, now=NOW)).problems)


@pytest.mark.parametrize(
    ("proven", "target"),
    [((OLDER, OLD, NEW), OLD), ((OLD, OLDER, NEW), OLDER), ((NEW, OLDER, OLD), OLDER)],
    ids=["the one before", "not the one that was returned from", "never forward"],
)
def test_a_rollback_leads_to_the_build_below_that_was_proven_last(proven: tuple[str, ...], target: str) -> None:
    back = plan(action="rollback", release=None)
    now = facts(current=proven[-1], proven=proven, releases=proven, builds={OLDER: 1, OLD: 2, NEW: 3})
    assert row(Answer(now), back).target == target


def test_a_way_back_may_lie_on_the_node_alone_but_must_lie_somewhere() -> None:
    now = facts(current=NEW, proven=(OLD, NEW), releases=(OLD, NEW), builds={OLD: 1, NEW: 2})
    nothing: dict[str, Manifest] = {}
    assert previous(now, nothing) == OLD
    assert previous(now.model_copy(update={"releases": (NEW,)}), nothing) is None


def test_a_node_that_has_nothing_to_go_back_to_is_blocked() -> None:
    found = row(Answer(facts()), plan(action="rollback", release=None))
    assert (found.state, found.problems) == ("blocked", ("it has proven no earlier release that is still at hand",))


def test_a_configuration_is_a_change_where_it_is_another_than_the_one_in_force() -> None:
    of = plan(release=None, configuration=True)
    found = row(Answer(facts(), bundle=BUNDLE, differences=("/etc/caddy/Caddyfile",)), of)
    assert (found.state, found.target, found.config) == ("change", None, BUNDLE.sha256)
    assert (found.bytes, found.differences) == (len(BUNDLE.content), ("/etc/caddy/Caddyfile",))
    assert row(Answer(facts(config=BUNDLE.sha256), bundle=BUNDLE), of).state == "unchanged"
    assert row(Answer(facts(config=None), bundle=BUNDLE), of).state == "change"


def test_a_configuration_alone_needs_no_release_in_the_store() -> None:
    of = plan(release=None, configuration=True)
    assert row(Answer(facts(), bundle=BUNDLE), of, Headquarters({}, fence=7, now=NOW)).state == "change"


def states(*each: str) -> list[NodePlan]:
    return [
        NodePlan.model_validate({"node": f"node{number}", "position": number + 1, "state": state})
        for number, state in enumerate(each)
    ]


def test_the_first_node_that_changes_is_the_canary_and_the_others_follow_in_batches() -> None:
    placed = in_waves(states("unchanged", "change", "change", "change", "change", "down"), 2)
    assert [row.wave for row in placed] == [0, 0, 1, 1, 2, 2]


def test_where_regions_are_taken_one_by_one_each_begins_with_a_wave_of_one() -> None:
    rows = states("change", "change", "change", "unchanged", "change", "change", "change")
    regions = {row.node: "europe" if number < 3 else "asia" for number, row in enumerate(rows)}
    assert [row.wave for row in in_waves(rows, 9, regions)] == [0, 1, 1, 2, 2, 3, 3]


def test_a_region_in_which_nothing_changes_takes_no_wave() -> None:
    rows = states("unchanged", "down", "change", "change")
    regions = {row.node: "europe" if number < 2 else "asia" for number, row in enumerate(rows)}
    assert [row.wave for row in in_waves(rows, 1, regions)] == [0, 0, 0, 1]


def test_a_blocked_node_keeps_a_deployment_from_beginning_and_a_rollback_only_where_it_is_alone() -> None:
    rows = tuple(states("change", "blocked", "down"))
    nodes = tuple(row.node for row in rows)
    assert [row.node for row in plan(nodes=nodes, rows=rows).blocked] == ["node1"]
    assert [row.node for row in plan(nodes=nodes, rows=rows, rules=Rules(down="refuse")).blocked] == ["node1", "node2"]
    assert plan(action="rollback", nodes=nodes, rows=rows).blocked == ()
    assert len(plan(action="rollback", nodes=nodes, rows=rows[1:2]).blocked) == 1
