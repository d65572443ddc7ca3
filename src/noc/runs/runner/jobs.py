"""What HQ's schedule asks of the runner: it plans a job itself, and begins it under the standing approval."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from noc.errors import Usage
from noc.fleet.load import load
from noc.runs.admission.approval import check_may_act
from noc.runs.admission.caller import Caller
from noc.runs.admission.scheduled import ACTIONS, LOOKS, check_headquarters, check_standing, scheduled
from noc.runs.plan.plan import Plan, check_blocked
from noc.runs.record.run import Run
from noc.runs.runner.door import Answers, Operation
from noc.runs.runner.planning import check_basis, make_plan
from noc.runs.runner.runner import Beginning, Runner
from noc.runs.runner.waiting import EVERY_S, Heard, Told

Followed = Callable[[str], Answers]


class Jobs:
    """The door's operation for the schedule: the one thing that the runner's own user may ask for."""

    def __init__(self, runner: Runner, followed: Followed) -> None:
        """Offer it over a runner; `followed` answers with a run's records."""
        self._runner, self._followed = runner, followed

    @property
    def operations(self) -> dict[str, Operation]:
        """By the name that requests give."""
        return {"job": self._job}

    async def _job(self, request: Mapping[str, Any], caller: Caller) -> Answers:
        job, action = str(request["job"]), str(request.get("action", ""))
        with self._runner.audit.refusals(f"job {job[:32]}", caller.name):
            check_headquarters(caller)
            fleet = load(self._runner.paths.fleet)
            check_may_act(caller, fleet)
            schedule = scheduled(job, fleet)
        if look := LOOKS.get(schedule.job):
            yield {"look": await self._runner.works.looks[look](["all"])}
            return
        if action not in ACTIONS.get(schedule.job, ()):
            raise Usage(f"{action[:32]!r} is no run of job {job}")
        async for answer in self._run(job, action, float(request.get("wait_s", 0)), caller):
            yield answer

    async def _run(self, job: str, action: str, wait_s: float, caller: Caller) -> Answers:
        with self._runner.audit.refusals(f"job {job}: {action}", caller.name):
            self._runner.halt.check()
            planned = Told(lambda heard: self._plan(action, heard))
            async for words in planned.words():
                yield {"waiting": words}
            plan = planned.result()
            if not plan.has_work:
                yield {"nothing": f"{action}: every node is as it should be"}
                return
            told = Told(lambda heard: self._begin(job, plan, wait_s, caller, heard))
            async for words in told.words():
                yield {"waiting": words}
        async for answer in self._followed(told.result().id):
            yield answer

    async def _plan(self, action: str, heard: Heard) -> Plan:
        """Plan it, and say every now and then that this is still under way."""
        work = asyncio.ensure_future(
            make_plan({"action": action, "nodes": ["all"]}, self._runner.paths, self._runner.works.survey)
        )
        while not (await asyncio.wait([work], timeout=EVERY_S))[0]:
            heard(f"planning {action}")
        return work.result()

    async def _begin(self, job: str, plan: Plan, wait_s: float, caller: Caller, heard: Heard) -> Run:
        def use(_run: str) -> None:
            fleet = load(self._runner.paths.fleet)
            check_standing(plan, job, fleet)
            check_basis(plan, self._runner.paths.fleet)

        check_blocked(plan)
        use("")
        more = {"job": job, "approved_by": "[[schedule]] of fleet.toml"}
        return await self._runner.begin(plan, Beginning(caller.name, wait_s, heard, use, more))
