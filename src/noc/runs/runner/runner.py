"""The runner: the one process that holds the fleet's keys. It takes plans, executes them, and remembers."""

import asyncio
import logging
import signal
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from noc.errors import NocError
from noc.fleet.inventory import Inventory, load_inventory
from noc.fleet.load import load
from noc.fleet.model import Fleet
from noc.release.store import ReleaseStore
from noc.runs.admission.caller import Caller, Permit, operators_only
from noc.runs.admission.fence import next_fence
from noc.runs.errors import FleetBusy, RunNotFound
from noc.runs.paths import Paths
from noc.runs.plan.plan import Action, Options, Plan, check
from noc.runs.plan.planners import plan_deploy, plan_keygen, plan_provision
from noc.runs.record.events import Verdict
from noc.runs.record.journal import Journal, new_run_id, read, run_ids
from noc.runs.record.run import Run
from noc.runs.rollout.rollout import UNTOUCHED
from noc.runs.runner.controls import Controls
from noc.runs.runner.door import Answers, Door, Operation
from noc.runs.runner.history import close_cut_runs, summaries, summary
from noc.runs.runner.service import listening_socket, notify

log = logging.getLogger(__name__)

Executor = Callable[[Run], Awaitable[list[Verdict]]]
Health = Callable[[Sequence[str]], Awaitable[dict[str, Any]]]

_LISTED = 50


class Runner:
    """Decides which run may begin, and keeps the one that is under way."""

    def __init__(self, paths: Paths, executors: Mapping[Action, Executor], health: Health) -> None:
        """Offer actions.

        Args:
            paths: where fleet, releases and journals lie.
            executors: what carries out a plan, by its action.
            health: answers the read operation of that name.
        """
        self._paths, self._executors, self._health = paths, executors, health
        self._current: Run | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def operations(self) -> dict[str, Operation]:
        """What the door offers."""
        return {
            "plan": self._plan,
            "start": self._start,
            "follow": self._follow,
            "list": self._list,
            "show": self._show,
            "health": self._check_health,
            **Controls(self._paths, lambda: self._current).operations,
        }

    async def stop(self) -> None:
        """Bring the node in hand to its end, begin no other, and wait for that."""
        if self._current is not None:
            self._current.stopping.set()
        if self._task is not None:
            await asyncio.wait([self._task])

    def start(self, document: Mapping[str, Any], caller: Caller) -> Run:
        """Begin a run; the caller may go away at once.

        Raises:
            FleetBusy: another run is changing the fleet.
            PlanRefused: the plan does not hold.
        """
        if self._current is not None:
            raise _busy(self._current)
        plan = check(document, load(self._paths.fleet))
        journal = Journal.create(self._paths.runs, new_run_id(datetime.now(UTC)))
        run = Run(plan, caller.name, next_fence(self._paths.runs / "fence"), journal)
        self._current = run
        self._task = asyncio.create_task(self._execute(run), name=run.id)
        return run

    async def _execute(self, run: Run) -> None:
        try:
            await self._carry_out(run)
        except OSError:
            log.exception("the last record of run %s could not be written", run.id)
        finally:
            self._current = None
            run.close()

    async def _carry_out(self, run: Run) -> None:
        try:
            verdicts = await self._executors[run.plan.action](run)
            run.end(verdicts, exit_code=exit_code(run.plan, verdicts))
        except NocError as error:
            run.end(_untouched(run), exit_code=error.exit_code, error=error.as_dict())
        except Exception as error:
            log.exception("run %s ended by a mistake of the runner", run.id)
            broken = NocError("the runner made a mistake", why=f"{type(error).__name__}: {error}"[:500])
            run.end(_untouched(run), exit_code=1, error=broken.as_dict())

    async def _plan(self, request: Mapping[str, Any], _caller: Caller) -> Answers:
        yield {"plan": self.plan(request).model_dump(mode="json")}

    async def _start(self, request: Mapping[str, Any], caller: Caller) -> Answers:
        run = self.start(request["plan"], caller)
        yield {"run": run.id}
        async for event in run.follow():
            yield event.model_dump(mode="json")

    async def _follow(self, request: Mapping[str, Any], _caller: Caller) -> Answers:
        wanted, after = self._find(str(request["run"])), int(request.get("after", 0))
        if self._current is not None and self._current.id == wanted:
            async for event in self._current.follow(after):
                yield event.model_dump(mode="json")
        else:
            for event in read(self._paths.runs, wanted)[max(after, 0) :]:
                yield event.model_dump(mode="json")

    async def _list(self, _request: Mapping[str, Any], _caller: Caller) -> Answers:
        yield {"runs": summaries(self._paths.runs, _LISTED)}

    async def _show(self, request: Mapping[str, Any], _caller: Caller) -> Answers:
        events = read(self._paths.runs, self._find(str(request["run"])))
        yield {"run": summary(events), "events": [event.model_dump(mode="json") for event in events]}

    async def _check_health(self, request: Mapping[str, Any], _caller: Caller) -> Answers:
        yield await self._health([str(name) for name in request["nodes"]])

    def _find(self, wanted: str) -> str:
        """A run by its id, by the last part of it, or the newest as `last`."""
        known = run_ids(self._paths.runs)
        found = known[:1] if wanted == "last" else [run for run in known if wanted in (run, run[-4:])]
        if not found:
            raise RunNotFound(f"there is no run {wanted[:64]}", fix="noc run list shows them")
        return found[0]

    def plan(self, request: Mapping[str, Any]) -> Plan:
        """Plan what a request asks for: `action`, `nodes`, and where given `release` and `options`.

        Raises:
            NotFound, Usage, NothingToInstall: as the planners do.
        """
        fleet, inventory = load(self._paths.fleet), load_inventory(self._paths.fleet)
        return make_plan(request, fleet, inventory, ReleaseStore(self._paths.releases))


def make_plan(request: Mapping[str, Any], fleet: Fleet, inventory: Inventory, store: ReleaseStore) -> Plan:
    """Read what planning needs, and plan. Raises as the planners do."""
    names, now = [str(name) for name in request["nodes"]], datetime.now(UTC)
    release = store.get(str(request["release"])).manifest if request.get("release") else None
    if request["action"] == "deploy" and release is not None:
        return plan_deploy(fleet, inventory, release, names, now)
    if request["action"] == "provision":
        manifests = [kept.manifest for kept in store.list()]
        options = Options.read(request.get("options", {}))
        return plan_provision(fleet, inventory, manifests, names, now, chosen=release, options=options)
    if request["action"] == "keygen":
        return plan_keygen(fleet, inventory, names, now)
    raise ValueError(f"no plan for {request['action']}")


def exit_code(plan: Plan, verdicts: Sequence[Verdict]) -> int:
    """What the command returns: 0 all good, 3 partly done, 1 failed; a rollout in which a node failed has failed."""
    left = [verdict for verdict in verdicts if not verdict.good]
    if not left:
        return 0
    if plan.action == "deploy":
        return 3 if all(verdict.verdict == UNTOUCHED for verdict in left) else 1
    return 3 if len(left) < len(verdicts) else 1


def _busy(run: Run) -> FleetBusy:
    since = run.events[0].at.astimezone(UTC)
    return FleetBusy(
        "another run is changing the fleet",
        why=f"{run.plan.label()}, started by {run.by} at {since:%H:%M:%S} UTC",
        fix=f"noc run show {run.id} --follow, and try again when it has ended",
    )


def _untouched(run: Run) -> list[Verdict]:
    return [Verdict(node=name, before="", now="", verdict="unknown") for name in run.plan.nodes]


async def serve(runner: Runner, paths: Paths, permit: Permit = operators_only) -> None:
    """Close what was cut, open the door, and run until SIGTERM or SIGINT."""
    paths.runs.mkdir(mode=0o750, parents=True, exist_ok=True)
    for run in close_cut_runs(paths.runs):
        log.warning("run %s was cut; noc run show %s says how to go on", run, run)
    door, asked_to_stop = Door(runner.operations, permit), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, asked_to_stop.set)
    await door.open(listening_socket(paths.runner_socket))
    notify("READY=1")
    await asked_to_stop.wait()
    notify("STOPPING=1")
    await runner.stop()
    await door.close()
