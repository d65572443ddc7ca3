"""Claim: a deployment to 2,000 nodes is planned in less than a second of CPU, in the time of its nodes and no more.

    benchmarks/plans.py [--rounds 5] [--json]

All that HQ computes for a plan, from the two files of the fleet directory to the sealed plan and its four words: waves
region by region with a canary each, batches of 5 %, the estimate from what earlier runs took. What nodes answer is
given. Exit 1 where 2,000 nodes take a second or more.
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

from noc.fleet.inventory import Inventory, NodeRecord, load_inventory, save_inventory
from noc.fleet.load import load
from noc.hosts.activation import NodeFacts
from noc.mesh.keys import generate
from noc.release.manifest import Manifest
from noc.runs.admission.clock import lasting
from noc.runs.admission.risk import risk
from noc.runs.plan.estimate import History
from noc.runs.plan.plan import Plan, Rules
from noc.runs.plan.planners import plan_deploy, running
from noc.runs.rollout.prospect import Answer, Headquarters, completed
from planning.fleet import write_fleet

SIZES = (20, 200, 2_000)
LIMIT_S = 1.0
OLD, NEW = "a" * 64, "b" * 64
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
PARTS = FILE, INVENTORY, OUTLINE, ROWS, DIGEST = "fleet file", "inventory", "outline", "rows and estimate", "digest"
T = TypeVar("T")


@dataclass(frozen=True)
class Measured:
    """One size: CPU seconds of its parts and of all, medians; waves and bytes of the plan, seconds that it predicts."""

    nodes: int
    parts: dict[str, float]
    total_s: float
    waves: int
    plan_bytes: int
    predicted_s: float


class Meter:
    """CPU seconds of this process, part by part."""

    def __init__(self) -> None:
        """Nothing was measured yet."""
        self.seconds: dict[str, float] = {}

    def of(self, part: str, work: Callable[[], T]) -> T:
        """What the work gives; what it took is kept under the part's name."""
        begun = time.process_time()
        found = work()
        self.seconds[part] = time.process_time() - begun
        return found


def main() -> None:
    """Print CPU seconds by size, what a node costs beside one of 20, and what the largest plan takes in parts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, help="plans of each size (default: 5)")
    parser.add_argument("--json", action="store_true", help="one JSON document on standard output")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        found = [measured(Path(directory) / str(size), size, arguments.rounds) for size in SIZES]
    print(json.dumps([asdict(each) for each in found], indent=2) if arguments.json else "\n".join(lines(found)))
    sys.exit(0 if found[-1].total_s < LIMIT_S else 1)


def measured(directory: Path, nodes: int, rounds: int) -> Measured:
    """Plan for a fleet of so many nodes, once for nothing and then so many times."""
    write_fleet(directory, nodes)
    names = [node.name for node in load(directory).nodes]
    save_inventory(directory, Inventory(nodes={name: record() for name in names}))
    history = History(
        surveys=(2.0,), activations=dict.fromkeys(names, (1.2, 1.3, 1.1)), rates=dict.fromkeys(names, (1e7,))
    )
    planned(directory, history, Meter())
    meters = [Meter() for _ in range(rounds)]
    plan, *_ = [planned(directory, history, meter) for meter in meters]
    assert plan.estimate is not None, "a rollout has one"
    return Measured(
        nodes,
        parts={part: statistics.median(meter.seconds[part] for meter in meters) for part in PARTS},
        total_s=statistics.median(sum(meter.seconds.values()) for meter in meters),
        waves=plan.rows[-1].wave + 1,
        plan_bytes=len(plan.model_dump_json()),
        predicted_s=plan.estimate.total_s,
    )


def planned(directory: Path, history: History, meter: Meter) -> Plan:
    """A sealed plan from a fleet directory."""
    fleet = meter.of(FILE, lambda: load(directory))
    inventory = meter.of(INVENTORY, lambda: load_inventory(directory))
    hq = Headquarters({OLD: manifest(OLD, 1), NEW: manifest(NEW, 2)}, 1, NOW)

    def outline() -> Plan:
        rules = Rules.read(fleet, {"batch": "5%", "waves": "region"}, len(running(fleet, inventory, ["all"])))
        return plan_deploy(fleet, inventory, hq.releases[NEW], ["all"], NOW, rules=rules)

    outlined = meter.of(OUTLINE, outline)
    answers = {name: Answer(facts()) for name in outlined.nodes}
    bound_s = fleet.policy.deploy_bound
    plan = meter.of(ROWS, lambda: completed(outlined, answers, hq, history, bound_s=bound_s))
    sealed = meter.of(DIGEST, lambda: plan.model_copy(update={"risk": risk(plan, inventory)}).sealed())
    assert len(sealed.phrase.split()) == 4, "a phrase has four words"
    return sealed


def record() -> NodeRecord:
    """What is known of a node that serves."""
    return NodeRecord.model_validate(
        {
            "life": "live",
            "address": "198.51.100.7",
            "wireguard_key": generate()[1],
            "push_token_sha256": "c" * 64,
            "release": OLD,
            "hub": "192.0.2.1",
            "rotated": {"wg": NOW, "push-token": NOW},
        }
    )


def manifest(sha: str, build: int) -> Manifest:
    """A release of 15 MB that has not expired."""
    expires = NOW + timedelta(days=90)
    return Manifest(version=f"1.{build}.0", build=build, sha256=sha, size=15_000_000, created=NOW, expires=expires)


def facts() -> NodeFacts:
    """What a node says that has room, and has proven the older release."""
    return NodeFacts(
        current=OLD,
        version="1.1.0",
        fence=1,
        pending=None,
        proven=(OLD,),
        disk_free_bytes=1 << 32,
        memory_free_bytes=1 << 28,
        releases=(OLD,),
        builds={OLD: 1},
    )


def lines(found: list[Measured]) -> list[str]:
    """The table, and the parts of the largest plan."""
    least = found[0].total_s / found[0].nodes
    table = [f"{'nodes':>6} {'CPU s':>7} {'ms a node':>10} {'ratio':>6} {'waves':>6} {'plan':>8}  predicted"]
    for each in found:
        a_node = each.total_s / each.nodes
        table.append(
            f"{each.nodes:>6} {each.total_s:>7.3f} {a_node * 1000:>10.2f} {a_node / least:>6.2f} {each.waves:>6}"
            f" {each.plan_bytes >> 10:>4} KiB  {lasting(each.predicted_s)}"
        )
    parts = ", ".join(f"{name} {seconds:.3f} s" for name, seconds in found[-1].parts.items())
    return [*table, f"of {found[-1].nodes} nodes: {parts}  (claim: less than {LIMIT_S:g} s)"]


if __name__ == "__main__":
    main()
