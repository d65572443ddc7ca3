"""What the runner's door offers: each operation takes a request and yields its answers."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from noc.runs.admission.approval import check_may_act
from noc.runs.admission.caller import Caller
from noc.runs.admission.desk import describe
from noc.runs.admission.permits import check_plan
from noc.runs.errors import RunNotFound
from noc.runs.plan.plan import Plan
from noc.runs.record.journal import read, run_ids
from noc.runs.runner.audithead import verified
from noc.runs.runner.controls import Controls
from noc.runs.runner.diagnosing import Diagnosing
from noc.runs.runner.door import Answers, Operation, Talk
from noc.runs.runner.history import summaries, summary
from noc.runs.runner.jobs import Jobs
from noc.runs.runner.peering import Peering
from noc.runs.runner.principals import Principals
from noc.runs.runner.pruning import Pruning
from noc.runs.runner.reviews import Reviews
from noc.runs.runner.runner import Beginning, Runner
from noc.runs.runner.starts import Starts
from noc.runs.runner.tenancy import Tenancy
from noc.runs.runner.turns import Turns
from noc.runs.runner.unsealing import Unsealing
from noc.runs.runner.waiting import Told

_LISTED = 50


class Operations:
    """The door's operations over one runner.

    Attributes:
        principals: who people are.
        pruning: what lets old things go.
        tenancy: who is placed where.
    """

    def __init__(self, runner: Runner) -> None:
        """Offer them."""
        self._runner, self._starts, self._turns = runner, Starts(runner), Turns()
        self.principals = Principals(runner)
        self.pruning = Pruning(runner, self._starts)
        self.tenancy = Tenancy(runner)

    @property
    def by_name(self) -> dict[str, Operation]:
        """Each by the name that requests give as `op`."""
        return {
            "plan": self._plan,
            "start": self._start,
            "resume": self._resume,
            "pending": self._turns.taking(self._pending),
            "approve": self._approve,
            "deny": self._deny,
            "audit": self._turns.taking(self._audit),
            "follow": self._follow,
            "list": self._turns.taking(self._list),
            "show": self._turns.taking(self._show),
            **{name: self._look(name) for name in self._runner.works.looks},
            **Controls(self._runner).operations,
            **self._runner.taking.operations,
            **Peering(self._runner).operations,
            **Reviews(self._runner).operations,
            **Jobs(self._runner, self._followed).operations,
            **self.principals.operations,
            **self.pruning.operations,
            **Diagnosing(self._runner).operations,
            **Unsealing(self._runner).operations,
            **self.tenancy.operations,
        }

    @property
    def talks(self) -> dict[str, Talk]:
        """Those that go on hearing the client, by name as well."""
        return Diagnosing(self._runner).talks

    async def _plan(self, request: Mapping[str, Any], caller: Caller) -> Answers:
        plan = await self._starts.plan(request, caller)
        yield {"plan": plan.model_dump(mode="json"), **self._starts.about(plan, caller)}

    async def _start(self, request: Mapping[str, Any], caller: Caller) -> Answers:
        plan, wait_s = self._starts.asked_for(request), float(request.get("wait_s", 0))
        with self._runner.audit.refusals(plan.label(), caller.name, digest=plan.digest, **caller.origin):
            check_plan(caller, plan)
            if asked := self._starts.ask(plan, caller):
                yield {"approval": describe(asked, self._starts.standing())}
                told = Told(partial(self._starts.approved, asked))
            else:
                beginning = partial(Beginning, caller.name, wait_s, origin=caller.origin)
                told = Told(lambda heard: self._begun(plan, beginning(heard)))
            async for words in told.words():
                yield {"waiting": words}
            run = told.result()
        async for answer in self._followed(run):
            yield answer

    async def _begun(self, plan: Plan, beginning: Beginning) -> str:
        return (await self._starts.begin(plan, beginning)).id

    async def _resume(self, request: Mapping[str, Any], caller: Caller) -> Answers:
        name, wait_s = self._find(str(request["run"])), float(request.get("wait_s", 0))
        with self._runner.audit.refusals(f"resume {name}", caller.name, **caller.origin):
            check_may_act(caller, self._starts.standing().fleet)
            beginning = partial(Beginning, caller.name, wait_s, origin=caller.origin)
            told = Told(lambda heard: self._runner.resume(name, beginning(heard)))
            async for words in told.words():
                yield {"waiting": words}
            told.result()
        async for answer in self._followed(name):
            yield answer

    async def _pending(self, request: Mapping[str, Any], _caller: Caller) -> Answers:
        standing = self._starts.standing()
        if "request" in request:
            found = self._starts.desk.find(str(request["request"]), standing)
            yield {"request": found, "labels": self._starts.labels(Plan.model_validate(found["plan"]))}
        else:
            yield {"requests": self._starts.desk.pending(standing)}

    async def _approve(self, request: Mapping[str, Any], caller: Caller) -> Answers:
        """Agree, and begin the run in the name of who asked for it."""
        wait_s, signature, standing = float(request.get("wait_s", 0)), request.get("signature"), self._starts.standing()
        given = await self._starts.desk.approve(str(request["request"]), caller, signature, standing)
        yield {"approved": describe(given, standing)}
        assert given.approval is not None
        by, approved_by = given.requester, given.approval.by
        more = {"approved_by": approved_by}
        told = Told(lambda heard: self._begun(given.plan, Beginning(by, wait_s, heard, more=more)))
        async for words in told.words():
            yield {"waiting": words}
        async for answer in self._followed(told.result()):
            yield answer

    async def _deny(self, request: Mapping[str, Any], caller: Caller) -> Answers:
        standing = self._starts.standing()
        denied = self._starts.desk.deny(str(request["request"]), caller, str(request.get("reason", "")), standing)
        yield {"denied": describe(denied, standing)}

    async def _audit(self, request: Mapping[str, Any], _caller: Caller) -> Answers:
        paths = self._runner.paths
        if request.get("verify"):
            yield await verified(paths, request.get("heads", ()))
            return
        after = request.get("after")
        found = self._runner.audit.entries(None if after is None else int(after), int(request.get("limit", 50)))
        yield {"entries": [entry.model_dump(mode="json") for entry in found]}

    async def _follow(self, request: Mapping[str, Any], _caller: Caller) -> Answers:
        async for event in self._events(self._find(str(request["run"])), int(request.get("after", 0))):
            yield event

    async def _followed(self, run: str) -> Answers:
        yield {"run": run}
        async for event in self._events(run, 0):
            yield event

    async def _events(self, run: str, after: int) -> Answers:
        current = self._runner.current
        if current is not None and current.id == run:
            async for event in current.follow(after):
                yield event.model_dump(mode="json")
        else:
            for event in read(self._runner.paths.runs, run)[max(after, 0) :]:
                yield event.model_dump(mode="json")

    async def _list(self, _request: Mapping[str, Any], _caller: Caller) -> Answers:
        yield {"runs": summaries(self._runner.paths.runs, _LISTED)}

    async def _show(self, request: Mapping[str, Any], _caller: Caller) -> Answers:
        events = read(self._runner.paths.runs, self._find(str(request["run"])))
        yield {"run": summary(events), "events": [event.model_dump(mode="json") for event in events]}

    def _look(self, name: str) -> Operation:
        look = self._runner.works.looks[name]

        async def answer(request: Mapping[str, Any], _caller: Caller) -> Answers:
            yield await look([str(node) for node in request["nodes"]])

        return answer

    def _find(self, wanted: str) -> str:
        """A run by its id, by the last part of it, or the newest as `last`."""
        known = run_ids(self._runner.paths.runs)
        found = known[:1] if wanted == "last" else [run for run in known if wanted in (run, run[-4:])]
        if not found:
            raise RunNotFound(f"there is no run {wanted[:64]}", fix="noc run list shows them")
        return found[0]
