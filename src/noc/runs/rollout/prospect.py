"""What a rollout would do to a node, judged by what the node said. Pure: no node is asked here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from math import ceil
from typing import Literal

from noc.hosts.activation import NodeFacts, Outdated
from noc.hosts.bundle import Bundle
from noc.release.manifest import Manifest
from noc.runs.admission.clock import lasting
from noc.runs.health.checks import WORST_CLOCK_S
from noc.runs.plan.estimate import History, estimate_rollout
from noc.runs.plan.plan import NodePlan, Plan
from noc.runs.rollout.preflight import obstacles, runs_already
from noc.runs.rollout.system import as_planned, notes, waiting

LEAST_MEMORY = 32 * 1024 * 1024
"""Bytes that must be free on a node: the activator runs beside the service."""


@dataclass(frozen=True)
class Answer:
    """What came of asking one node.

    Attributes:
        facts: what its activator said; None where it did not.
        down: why it cannot be reached, "" where it can.
        bundle: the configuration that it is to have; None where that stays.
        differences: the paths at which it has another one.
        problems: what was found to be in the way while it was asked, in words.
        skew_s: seconds by which its clock is ahead of HQ's; None where that is not known.
        offered: what its archive offers it; None where its packages stay.
    """

    facts: NodeFacts | None = None
    down: str = ""
    bundle: Bundle | None = None
    differences: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    skew_s: float | None = None
    offered: Outdated | None = None


@dataclass(frozen=True)
class Headquarters:
    """What HQ itself knows when it plans.

    Attributes:
        releases: those in its store, by hash.
        fence: the highest fence number that it has given.
        now: the time, UTC.
    """

    releases: Mapping[str, Manifest]
    fence: int
    now: datetime


def prospect(plan: Plan, name: str, answer: Answer, hq: Headquarters, position: int) -> NodePlan:
    """What the plan does to one node.

    Args:
        plan: the outline.
        name: the node, one of the plan's.
        answer: what it said.
        hq: what HQ knows.
        position: the node's place in the order, from 1.
    """
    facts = answer.facts
    if facts is None:
        problems = (answer.down,) if answer.down else answer.problems
        state: Literal["down", "blocked"] = "down" if answer.down else "blocked"
        return NodePlan(node=name, position=position, state=state, target=plan.release, problems=problems)
    target = previous(facts, hq.releases) if plan.action == "rollback" else plan.release
    manifest = hq.releases.get(target or "")
    offered = answer.offered or Outdated(set=None, packages=())
    problems = (
        answer.problems + offered.problems + hindrances(plan, facts, target, hq) + by_its_clock(manifest, answer, hq)
    )
    stays = target is None or runs_already(facts, target)
    config = answer.bundle.sha256 if answer.bundle else None
    unchanged = stays and not answer.differences and config in (None, facts.config) and offered.set is None
    return NodePlan(
        node=name,
        position=position,
        state="blocked" if problems else "unchanged" if unchanged else "change",
        running=facts.current,
        target=target,
        config=config,
        bytes=0 if problems or unchanged else to_send(facts, manifest, answer),
        disk_free=facts.disk_free_bytes,
        memory_free=facts.memory_free_bytes,
        differences=answer.differences,
        problems=problems,
        notes=skewed(answer.skew_s) + notes(offered) + waiting(facts, offered),
        **as_planned(offered),
        loss=loss(facts, target, hq.now) if _restores(plan) and not problems else "",
    )


def _restores(plan: Plan) -> bool:
    """Whether nodes get an older database with the older release."""
    return plan.action == "rollback" and plan.options.restore_data


def left_at(facts: NodeFacts, release: str | None) -> datetime | None:
    """When the node last left a release, of which it kept a copy of its database then; None where it has none."""
    times = [datetime.fromisoformat(copy.at) for copy in facts.snapshots if copy.release == release]
    return max(times, default=None)


def loss(facts: NodeFacts, release: str | None, now: datetime) -> str:
    """What is lost when the database of a release is put back, in words; "" where there is no copy of it."""
    since = left_at(facts, release)
    if since is None:
        return ""
    return f"what was written since {since:%Y-%m-%d %H:%M:%S} UTC ({lasting((now - since).total_seconds())}) is lost"


def to_send(facts: NodeFacts, manifest: Manifest | None, answer: Answer) -> int:
    """Bytes that the node does not have yet, of the release and of the configuration."""
    lacking = manifest is not None and manifest.sha256 not in facts.releases
    release = max(manifest.size - facts.partial.get(manifest.sha256, 0), 0) if manifest and lacking else 0
    return release + (len(answer.bundle.content) if answer.bundle and answer.bundle.sha256 != facts.config else 0)


def previous(facts: NodeFacts, releases: Mapping[str, Manifest]) -> str | None:
    """The release that a rollback leads to: what ran before, and never a newer build.

    Of the builds below the running one it is that which the node has proven last. So what people have returned from
    once does not come back by another rollback.

    Args:
        facts: what the node says.
        releases: those in HQ's store, by hash.
    """
    builds = {sha: manifest.build for sha, manifest in releases.items()} | facts.builds
    running = builds.get(facts.current or "", 0)
    older = [sha for sha in facts.proven if builds.get(sha, running) < running]
    at_hand = [sha for sha in older if sha in releases or sha in facts.releases]
    return at_hand[-1] if at_hand else None


def hindrances(plan: Plan, facts: NodeFacts, target: str | None, hq: Headquarters) -> tuple[str, ...]:
    """All that keeps the plan from being carried out on a node, in words; the node will judge a release itself again.

    Args:
        plan: the outline.
        facts: what the node says.
        target: the release that it is to run; None where there is none, or the running one stays.
        hq: what HQ knows.
    """
    manifest = hq.releases.get(target or "")
    memory = f"{facts.memory_free_bytes >> 20} MiB memory free, {LEAST_MEMORY >> 20} MiB needed"
    at_hand = plan.action == "rollback" or plan.release is None or manifest is not None
    checks = (
        (facts.current is not None, "it runs no release yet: noc provision makes it live"),
        (facts.memory_free_bytes >= LEAST_MEMORY, memory),
        (target is not None or plan.action != "rollback", "it has proven no earlier release that is still at hand"),
        (at_hand, "the release is not in HQ's store"),
        (
            target is None or not _restores(plan) or left_at(facts, target) is not None,
            "no copy of its database is left from when it ran that release: roll back without --restore-data",
        ),
    )
    found = tuple(words for holds, words in checks if not holds)
    return found + obstacles(facts, manifest, hq.fence) + _not_acceptable(facts, manifest, hq)


def _not_acceptable(facts: NodeFacts, manifest: Manifest | None, hq: Headquarters) -> tuple[str, ...]:
    """Why the node would refuse the release as new; one that it has itself proven may always return."""
    if manifest is None or manifest.sha256 in facts.proven:
        return ()
    builds = {sha: known.build for sha, known in hq.releases.items()} | facts.builds
    newest = max((builds.get(sha, 0) for sha in facts.proven), default=0)
    checks = (
        (manifest.expires > hq.now, f"the release expired at {manifest.expires:%Y-%m-%d %H:%M} UTC: noc release sign"),
        (manifest.build > newest, f"its build {manifest.build} is not above {newest}, which the node has proven"),
    )
    return tuple(words for holds, words in checks if not holds)


def skewed(skew_s: float | None) -> tuple[str, ...]:
    """What is to be said of a clock, in words; nothing where it is right."""
    if skew_s is None or abs(skew_s) <= WORST_CLOCK_S:
        return ()
    way = "ahead" if skew_s > 0 else "behind"
    return (f"its clock is {lasting(abs(skew_s))} {way}: timedatectl set-ntp true",)


def by_its_clock(manifest: Manifest | None, answer: Answer, hq: Headquarters) -> tuple[str, ...]:
    """Why the node would refuse by its own clock a release that holds by HQ's; it may be ahead."""
    facts, skew = answer.facts, timedelta(seconds=answer.skew_s or 0)
    known = manifest is None or facts is None or manifest.sha256 in facts.proven
    if manifest is None or known or manifest.expires <= hq.now or manifest.expires > hq.now + skew:
        return ()
    return (f"by its clock the release expired at {manifest.expires:%Y-%m-%d %H:%M} UTC: set its clock",)


def in_waves(rows: Sequence[NodePlan], batch: int, regions: Mapping[str, str] | None = None) -> tuple[NodePlan, ...]:
    """The rows with their waves: the first node that changes is the canary, wave 0; the others follow in batches.

    A node that does not change stands in the wave that is under way when its turn comes. Where nodes are taken region
    by region, each region begins so anew, with the number that follows.

    Args:
        rows: in the plan's order.
        batch: nodes in a wave after the canary.
        regions: the region of each node, by name; nothing where there is one canary for all.
    """
    placed: list[NodePlan] = []
    begun = 0
    for _, region in groupby(rows, key=lambda row: (regions or {}).get(row.node)):
        changing = 0
        for row in region:
            placed.append(row.model_copy(update={"wave": begun + (1 + (changing - 1) // batch if changing else 0)}))
            changing += row.state == "change"
        begun += 1 + ceil((changing - 1) / batch) if changing else 0
    return tuple(placed)


def completed(plan: Plan, answers: Mapping[str, Answer], hq: Headquarters, history: History, *, bound_s: float) -> Plan:
    """The plan of a rollout with a row a node and its estimate.

    Args:
        plan: the outline.
        answers: what came of asking each node, by name, in the plan's order.
        hq: what HQ knows.
        history: what earlier runs took.
        bound_s: seconds that a rollout of the fleet may take.
    """
    found = [prospect(plan, name, answer, hq, position) for position, (name, answer) in enumerate(answers.items(), 1)]
    rows = in_waves(found, plan.rules.batch, plan.region_of)
    rows, estimate = estimate_rollout(rows, plan.rules, history, bound_s, plan.region_of)
    return plan.model_copy(update={"rows": rows, "estimate": estimate})
