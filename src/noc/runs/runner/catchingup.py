"""Nodes that were down get what they were left out of, by runs that begin without anybody's command."""

import logging
from datetime import UTC, datetime
from typing import Any, Final

from noc.fleet.freezing import frozen
from noc.fleet.load import load
from noc.fleet.rotating import Secret
from noc.runs.admission.risk import OF_HQ
from noc.runs.rollout.catchup import CatchUp, Due
from noc.runs.rotation.returning import Missed, Returning
from noc.runs.runner.planning import make_plan
from noc.runs.runner.runner import Beginning, Runner

WG: Final[Secret] = "wg"

log = logging.getLogger(__name__)


def catching_up(runner: Runner) -> CatchUp:
    """What lets a runner catch up nodes: under the approval of the run that left them out, and only while none is
    under way, halted or frozen."""

    async def begin(due: Due) -> None:
        request = {"action": "deploy", "nodes": [due.node], "release": due.release}
        plan = await make_plan(request, runner.paths, runner.works.survey)
        if plan.blocked:
            log.warning("%s is back, and cannot be caught up: noc deploy %s … --plan says why", due.node, due.node)
            return
        await runner.begin(plan, Beginning(by=due.by, more={"catch_up_of": due.run}))
        await runner.ended()

    return CatchUp(runner.paths, begin, lambda: _idle(runner))


def going_on(runner: Runner) -> Returning:
    """What lets a runner go on with rotations that left nodes out: under the word that began them, as catching up."""

    async def begin(missed: Missed) -> None:
        nodes = ["all"] if missed.secret in OF_HQ else list(missed.nodes)
        request: dict[str, Any] = {"action": "rotate", "nodes": nodes, "options": {"secret": missed.secret}}
        if missed.secret == WG:
            request = {"action": "keygen", "nodes": nodes}
        plan = await make_plan(request, runner.paths, runner.works.survey)
        await runner.begin(plan, Beginning(by=missed.by, more={"catch_up_of": missed.run}))
        await runner.ended()

    return Returning(runner.paths, begin, lambda: _idle(runner))


def _idle(runner: Runner) -> bool:
    calm = runner.current is None and runner.halt.read() is None
    return calm and frozen(load(runner.paths.fleet).freeze, datetime.now(UTC)) is None
