"""A release whose process ends at once on one node: how fast that is noticed, decided, taken back and proven."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from rolling.house import Failed, House
from rolling.stages import at

DIED = "Main process exited"


@dataclass(frozen=True)
class Failure:
    """A bad node's story, seconds since its process died.

    Attributes:
        decided_s: until the node had put the old release back in its place.
        rolled_back_s: until the node had seen the old release healthy again, by its own verdict.
        proven_s: until HQ had seen that too, at the node's public name.
        whole_s: the command, from its start to its end.
        verdicts: each node's verdict.
    """

    decided_s: float
    rolled_back_s: float
    proven_s: float
    whole_s: float
    verdicts: dict[str, str]


def bad_node(house: House, victim: str) -> Failure:
    """Deploy a release that cannot run on one node. Raises Failed where that does not end in its rollback."""
    payload = house.payloads.make(dies_on=victim)
    house.hq.add_release(payload.directory)
    sample = house.noc("deploy", "all", payload.version, statuses=(1, 3))
    events = house.last_run()
    died = _died(house, victim, since=at(events[0]))
    ends = events[-1]["detail"]["verdicts"]
    story = Failure(
        decided_s=_flipped(house, victim) - died,
        rolled_back_s=_told(house, victim, str(events[0]["run"])) - died,
        proven_s=_proven(events, victim) - died,
        whole_s=sample.seconds,
        verdicts={row["node"]: row["verdict"] for row in ends},
    )
    if story.verdicts[victim] != "rolled-back":
        raise Failed(f"{victim} is {story.verdicts[victim]}, not rolled back")
    return story


def _died(house: House, node: str, since: float) -> float:
    """When systemd saw the service's process end for the first time, Unix seconds."""
    read = ("journalctl", "--unit=clavitor.service", f"--since=@{since:.6f}", "--output=json", "--no-pager")
    for line in house.on(node, *read).splitlines():
        record = json.loads(line)
        if DIED in str(record.get("MESSAGE")):
            return int(record["__REALTIME_TIMESTAMP"]) / 1e6
    raise Failed(f"{node}: its journal knows of no death")


def _flipped(house: House, node: str) -> float:
    """When the link to the release that runs was last replaced, Unix seconds."""
    return (house.lab.disk(node) / "opt/clavitor/current").lstat().st_mtime


def _told(house: House, node: str, run: str) -> float:
    """When the node wrote its verdict, Unix seconds."""
    verdict = json.loads((house.lab.disk(node) / f"var/lib/noc-node/verdicts/{run}.json").read_text())
    return datetime.fromisoformat(verdict["at"]).timestamp()


def _proven(events: Iterable[Mapping[str, Any]], node: str) -> float:
    for event in events:
        if (event["node"], event["step"], event["state"]) == (node, "prove-old", "ok"):
            return at(event)
    raise Failed(f"{node}: its old release was not proven")
