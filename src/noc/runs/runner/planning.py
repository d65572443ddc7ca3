"""From a request to a plan: read the fleet as it is, choose the planner, ask the nodes, and seal the result."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from noc.fleet.inventory import FILE, Inventory, load_inventory
from noc.fleet.load import load
from noc.fleet.model import Fleet
from noc.release.manifest import Manifest
from noc.release.store import ReleaseStore
from noc.runs.admission.risk import risk
from noc.runs.backup.replace import plan_replace
from noc.runs.backup.restore import plan_restore
from noc.runs.drill.plans import plan_drill
from noc.runs.errors import PlanRefused
from noc.runs.launch.plans import plan_adopt, plan_launch, plan_opt_in, plan_terminate
from noc.runs.paths import Paths
from noc.runs.plan.plan import Action, Options, Plan, Rules
from noc.runs.plan.planners import (
    plan_apex,
    plan_backup,
    plan_deploy,
    plan_dns,
    plan_keygen,
    plan_move,
    plan_os_update,
    plan_provision,
    plan_reboot,
    plan_rescue,
    plan_rollback,
    running,
)
from noc.runs.removal.plans import plan_remove
from noc.runs.rotation.plans import plan_rotate
from noc.runs.runner.works import Survey


async def make_plan(request: Mapping[str, Any], paths: Paths, survey: Survey, now: datetime | None = None) -> Plan:
    """Plan what a request asks for.

    Args:
        request: `action`, and `nodes` with a `release` where one is named, or both as `words`; where given
            `configuration`, `system`, `canary`, `options`, `rules`.
        paths: where fleet and releases lie.
        survey: completes the outline by what the nodes say.
        now: the time, UTC; the clock's where None.

    Raises:
        NotFound, Usage, NothingToInstall: as the planners do.
    """
    fleet, inventory, stands = load(paths.fleet), load_inventory(paths.fleet), basis(paths.fleet)
    plan = outline(request, fleet, inventory, ReleaseStore(paths.releases), now or datetime.now(UTC))
    plan = await survey(plan)
    return plan.model_copy(update={"risk": risk(plan, inventory), "basis": stands}).sealed()


@dataclass(frozen=True)
class Asked:
    """What a client asked for, and the fleet as it is, for one planner.

    Attributes:
        request: as the client sent it.
        names: nodes, or "all".
        release: the release that was named, None for none.
        options: what was said beside that.
    """

    request: Mapping[str, Any]
    names: list[str]
    release: Manifest | None
    options: Options
    fleet: Fleet
    inventory: Inventory
    store: ReleaseStore
    now: datetime

    @property
    def rules(self) -> Rules:
        """How a rollout is to proceed."""
        nodes = running(self.fleet, self.inventory, self.names)
        return Rules.read(self.fleet, self.request.get("rules", {}), len(nodes))


def _deploy(asked: Asked) -> Plan:
    return plan_deploy(
        asked.fleet,
        asked.inventory,
        asked.release,
        asked.names,
        asked.now,
        configuration=bool(asked.request.get("configuration")),
        system=bool(asked.request.get("system")),
        canary=asked.request.get("canary"),
        options=asked.options,
        rules=asked.rules,
    )


def _rollback(asked: Asked) -> Plan:
    named = (asked.fleet, asked.inventory, asked.names, asked.now)
    return plan_rollback(*named, options=asked.options, rules=asked.rules)


def _os_update(asked: Asked) -> Plan:
    named = (asked.fleet, asked.inventory, asked.names, asked.now)
    return plan_os_update(*named, options=asked.options, rules=asked.rules)


def _provision(asked: Asked) -> Plan:
    manifests = [kept.manifest for kept in asked.store.list()]
    named = (asked.fleet, asked.inventory, manifests, asked.names, asked.now)
    return plan_provision(*named, chosen=asked.release, options=asked.options)


def _keygen(asked: Asked) -> Plan:
    return plan_keygen(asked.fleet, asked.inventory, asked.names, asked.now)


def _dns(asked: Asked) -> Plan:
    return plan_dns(asked.fleet, asked.now, options=asked.options)


def _apex(asked: Asked) -> Plan:
    return plan_apex(asked.fleet, asked.inventory, asked.names, asked.now, options=asked.options)


def _rescue(asked: Asked) -> Plan:
    return plan_rescue(asked.fleet, asked.inventory, asked.names, asked.now)


def _replace(asked: Asked) -> Plan:
    releases = [kept.manifest for kept in asked.store.list()]
    named = (asked.fleet, asked.inventory, asked.names, asked.now)
    return plan_replace(*named, releases=releases, options=asked.options)


def _move(asked: Asked) -> Plan:
    return plan_move(asked.fleet, asked.inventory, asked.names, asked.now, options=asked.options)


def _launch(asked: Asked) -> Plan:
    batch = asked.request.get("batch")
    return plan_launch(asked.fleet, asked.inventory, asked.names, asked.now, None if batch is None else int(batch))


def _drill(asked: Asked) -> Plan:
    named = (asked.fleet, asked.inventory, asked.release, asked.names, asked.now)
    return plan_drill(*named, options=asked.options)


PLANNERS: Mapping[Action, Callable[[Asked], Plan]] = {
    "deploy": _deploy,
    "rollback": _rollback,
    "os-update": _os_update,
    "reboot": lambda asked: plan_reboot(asked.fleet, asked.inventory, asked.names, asked.now),
    "provision": _provision,
    "keygen": _keygen,
    "backup": lambda asked: plan_backup(asked.fleet, asked.inventory, asked.names, asked.now),
    "launch": _launch,
    "terminate": lambda asked: plan_terminate(asked.fleet, asked.names, asked.now, asked.options),
    "adopt": lambda asked: plan_adopt(asked.fleet, asked.names, asked.now, asked.options),
    "opt-in": lambda asked: plan_opt_in(asked.fleet, asked.names, asked.now),
    "dns": _dns,
    "apex": _apex,
    "rescue": _rescue,
    "move": _move,
    "restore": lambda asked: plan_restore(asked.fleet, asked.inventory, asked.names, asked.now, asked.options),
    "replace": _replace,
    "rotate": lambda asked: plan_rotate(asked.fleet, asked.inventory, asked.names, asked.now, asked.options),
    "drill": _drill,
    "remove": lambda asked: plan_remove(asked.fleet, asked.inventory, asked.names, asked.now, asked.options),
}


def outline(request: Mapping[str, Any], fleet: Fleet, inventory: Inventory, store: ReleaseStore, now: datetime) -> Plan:
    """The plan as far as it can be made without asking a node. Raises as the planners do."""
    names, reference = _targets(request, fleet)
    release = store.get(reference).manifest if reference else None
    options = Options.read(request.get("options", {}))
    return PLANNERS[request["action"]](Asked(request, names, release, options, fleet, inventory, store, now))


def _targets(request: Mapping[str, Any], fleet: Fleet) -> tuple[list[str], str | None]:
    """Nodes and release: named each for itself, or as the words of a command, the last of which may be the release."""
    if "words" not in request:
        return [str(name) for name in request["nodes"]], request.get("release")
    words = [str(word) for word in request["words"]]
    if (request.get("configuration") or request.get("system")) and words[-1] in {
        "all",
        *(node.name for node in fleet.nodes),
    }:
        return words, None
    return words[:-1], words[-1]


def basis(directory: Path) -> str:
    """A hash of what the fleet is: its file and its inventory, as they lie in a fleet directory."""
    digest = hashlib.sha256()
    for name in ("fleet.toml", FILE):
        path = directory / name
        content = path.read_bytes() if path.exists() else b""
        digest.update(f"{name} {len(content)}\n".encode() + content)
    return digest.hexdigest()


def check_basis(plan: Plan, directory: Path) -> None:
    """Hold a plan against the fleet as it is now. Raises PlanRefused where that has moved since the plan was made."""
    if plan.basis != basis(directory):
        raise PlanRefused(
            "the fleet has moved since the plan was made",
            why="fleet.toml or inventory.toml is not what it was then",
            fix="give the command again: the runner then makes a new plan",
        )
