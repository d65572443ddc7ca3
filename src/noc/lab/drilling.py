"""Every drill on the lab's real hosts: those that run from HQ, and the one that takes HQ itself."""

import time
from dataclasses import dataclass
from typing import Any, Final

from noc.errors import TimedOut
from noc.lab.hq import Headquarters
from noc.lab.hqlost import LostHq, Phase
from noc.lab.lab import Lab
from noc.lab.pilot import Setting, Stage, Tell

FALLBACK_S: Final = 10.0
CALM_S: Final = 120.0
TABLES: Final = {"rescue": {"fallback_after": FALLBACK_S, "rescue_after": 3600.0}}


@dataclass(frozen=True)
class Drilled:
    """What the drills came to.

    Attributes:
        rows: those that ran from HQ, as `noc drill all --json` tells them.
        lost: the phases of the way back of a lost HQ.
    """

    rows: tuple[dict[str, Any], ...]
    lost: tuple[Phase, ...]

    @property
    def held(self) -> bool:
        """Whether every promise was kept; what cannot be done in a lab says so, and is no failure."""
        return all(row["verdict"] != "missed" for row in self.rows) and all(phase.held for phase in self.lost)

    def as_document(self) -> dict[str, Any]:
        """For `--json`."""
        return {"held": self.held, "drills": list(self.rows), "hq_lost": [phase.as_dict() for phase in self.lost]}


def drill(lab: Lab, setting: Setting, *, place: str, spare: str, tell: Tell) -> Drilled:
    """Provision the nodes, break everything that a drill breaks, and bring HQ back from its backup.

    Args:
        lab: a lab with HQ, the setting's nodes and two machines more running.
        setting: how to play, with the tables of this module.
        place: the machine that is HQ's second place.
        spare: the machine that becomes HQ.
        tell: where a line of progress goes.

    Raises:
        NocError: a step failed so that what follows could not be judged.
    """
    stage = Stage(lab, setting, tell)
    first, _ = stage.prepare()
    stage.provision(first)
    lost = LostHq(lab, stage.operator, setting.dist, place=place, spare=spare)
    lost.name_second_place()
    _give_a_disk(lab, stage)
    document = stage.hq.noc("drill", "all", statuses=(0, 1), timeout_s=900)
    stage.tell(f"drills: {', '.join(row['fault'] + ' ' + row['verdict'] for row in document['drills'])}")
    interval_s = setting.policy["push_interval"]
    phases = lost.rehearse(setting.nodes, fallback_s=FALLBACK_S, interval_s=interval_s)
    stage.tell(f"hq-lost: {', '.join(f'{phase.name} after {phase.took_s:.0f} s' for phase in phases)}")
    return Drilled(tuple(document["drills"]), phases)


def _give_a_disk(lab: Lab, stage: Stage) -> None:
    """Let the node whose disk is to be filled have one of its own, so that no other machine suffers."""
    planned = stage.hq.noc("drill", "all", "--plan", statuses=(0, 1, 3))["faults"]
    (node,) = (each["node"] for each in planned if each["fault"] == "disk-full")
    lab.data_disk(node)
    _await_calm(stage.hq)


def _await_calm(hq: Headquarters) -> None:
    """Wait until HQ's watch has nothing open. Raises TimedOut."""
    end = time.monotonic() + CALM_S
    while hq.noc("status", statuses=(0, 1))["incidents"]:
        if time.monotonic() > end:
            raise TimedOut(f"incidents are open for {CALM_S:g} s", fix="noc incidents, on HQ")
        time.sleep(0.5)
