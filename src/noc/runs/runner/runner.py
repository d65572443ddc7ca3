"""The runner: the one process that holds the fleet's keys. Whatever the door, a run begins here or not at all."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from noc.errors import NocError
from noc.fleet.load import load
from noc.runs.admission.freeze import check_freeze
from noc.runs.admission.halt import Halt
from noc.runs.admission.holder import Holder
from noc.runs.admission.lease import Lease
from noc.runs.paths import Paths
from noc.runs.plan.plan import Plan
from noc.runs.record.audit import Audit
from noc.runs.record.events import Verdict
from noc.runs.record.journal import Journal, new_run_id
from noc.runs.record.run import Run
from noc.runs.runner.broadcast import RunBroadcast
from noc.runs.runner.ending import exit_code, unknown
from noc.runs.runner.resumable import resumable
from noc.runs.runner.taking import Taking
from noc.runs.runner.works import Executor, Works
from noc.runs.site.watchdoor import WatchDoor

_FAREWELL_S = 3.0

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Beginning:
    """How a run begins.

    Attributes:
        by: who asked for it.
        wait_s: seconds to wait where another run is under way.
        heard: told what it waits for.
        use: called with the run's id before its first record; raises where the run has no right to begin.
        more: facts for its first record.
        origin: by which chat or page the person came, for the audit alone; empty for a login.
    """

    by: str
    wait_s: float = 0
    heard: Callable[[str], None] = lambda _: None
    use: Callable[[str], object] = lambda _: None
    more: dict[str, Any] | None = None
    origin: Mapping[str, str] = field(default_factory=dict)


class Runner:
    """Lets runs begin, one at a time, and keeps the one that is under way.

    Attributes:
        paths: where things lie.
        works: what it can do.
        audit: who did what.
        halt: whether anything may begin.
        taking: whether the fleet is this HQ's to act on.
        broadcast: shows the page what happens.
        current: the run that is under way.
    """

    def __init__(self, paths: Paths, works: Works) -> None:
        """Prepare; nothing is read before the first use."""
        self.paths, self.works = paths, works
        self.audit, self.halt = Audit(paths.audit), Halt(paths.halt)
        self.taking = Taking(paths, works.fences, self.audit)
        self.broadcast = RunBroadcast(WatchDoor(paths.watch_socket))
        self.current: Run | None = None
        self._task: asyncio.Task[None] | None = None

    async def begin(self, plan: Plan, beginning: Beginning) -> Run:
        """Begin a run; who asked for it may go away at once.

        Raises:
            Halted, FleetFrozen: nothing may begin now.
            FencesUnknown, RestoredUnreadable, AnotherHq: the fleet is not ours to act on, or not yet.
            FleetBusy: another run is changing the fleet, still after the wait.
            AuditUnwritable, AuditBroken: it could not be written down.
            NocError: what `use` raised.
        """
        self.halt.check()
        await self.taking.check(plan.action)
        check_freeze(plan, load(self.paths.fleet))
        name = new_run_id(datetime.now(UTC))
        executor = self.works.executors[plan.action]
        return await self._take_on(plan, name, executor, beginning, lambda: Journal.create(self.paths.runs, name))

    async def resume(self, name: str, beginning: Beginning) -> Run:
        """Go on with a run that was cut, where its journal ends, under the approval that it began with.

        Raises:
            NotResumable: there is nothing to go on with.
            Halted, FencesUnknown, AnotherHq, FleetBusy, AuditUnwritable, AuditBroken: as `begin`.
        """
        self.halt.check()
        plan = resumable(self.paths.runs, name)
        await self.taking.check(plan.action)
        return await self._take_on(
            plan, name, self.works.resume, beginning, lambda: Journal.reopen(self.paths.runs, name)
        )

    async def ended(self) -> None:
        """Wait until no run is under way, and the lease of the last one is given back."""
        if self._task is not None:
            await asyncio.wait([self._task])

    async def stop(self) -> None:
        """Bring the node in hand to its end, begin no other, and wait for that."""
        if self.current is not None:
            self.current.stopping.set()
        await self.ended()
        with suppress(TimeoutError):
            await asyncio.wait_for(self.broadcast.close(), _FAREWELL_S)
        self.audit.close()

    async def _take_on(
        self, plan: Plan, name: str, executor: Executor, beginning: Beginning, journal: Callable[[], Journal]
    ) -> Run:
        ttl_s = load(self.paths.fleet).policy.lease_ttl
        lease = await Lease.acquire(
            self.paths.lease,
            self.paths.fence,
            Holder.this_process(beginning.by),
            what=plan.label(),
            run=name,
            ttl_s=ttl_s,
            wait_s=beginning.wait_s,
            progress=beginning.heard,
        )
        try:
            self.halt.check()  # once more: it may have been a long wait
            intent = self._intend(plan, name, beginning)
            run = self._open(plan, beginning, lease, journal, intent)
        except BaseException:
            lease.release()
            raise
        self.current = run
        self._task = asyncio.create_task(self._execute(run, lease, executor, intent), name=run.id)
        self.broadcast.show(run)
        return run

    def _intend(self, plan: Plan, name: str, beginning: Beginning) -> int:
        facts = {"run": name, "digest": plan.digest, "phrase": plan.phrase, "risk": plan.risk, "nodes": plan.nodes}
        return self.audit.intend(plan.label(), beginning.by, **facts, **(beginning.more or {}), **beginning.origin)

    def _open(self, plan: Plan, beginning: Beginning, lease: Lease, journal: Callable[[], Journal], intent: int) -> Run:
        """The run with its first record written; an approval is used up before that, and never twice."""
        try:
            opened = journal()
            try:
                beginning.use(opened.run)
                return Run(
                    plan,
                    beginning.by,
                    lease.fence,
                    opened,
                    check=lease.check,
                    audit=self.audit.place,
                    **(beginning.more or {}),
                )
            except BaseException:
                opened.close()
                raise
        except Exception as error:
            told = error.as_dict() if isinstance(error, NocError) else repr(error)
            self.audit.outcome(intent, "not begun", error=told)
            raise

    async def _execute(self, run: Run, lease: Lease, executor: Executor, intent: int) -> None:
        try:
            async with lease.kept(run.stopping.set):
                code = await self._carry_out(run, executor)
                self.audit.outcome(intent, "ok" if code == 0 else "failed", run=run.id, exit=code)
        except (NocError, OSError):
            log.exception("the end of run %s could not be written down", run.id)
        finally:
            self.current = None
            run.close()

    async def _carry_out(self, run: Run, executor: Executor) -> int:
        """Let it be done, and write its last record; returns the exit code."""
        verdicts: list[Verdict] | None = None
        error: NocError | None = None
        try:
            verdicts = await executor(run)
        except NocError as raised:
            error = raised
        except Exception as mistake:
            log.exception("run %s ended by a mistake of the runner", run.id)
            error = NocError("the runner made a mistake", why=f"{type(mistake).__name__}: {mistake}"[:500])
        code = exit_code(run.plan, verdicts) if verdicts is not None else error.exit_code if error else 1
        run.end(
            unknown(run.plan) if verdicts is None else verdicts,
            exit_code=code,
            error=error.as_dict() if error else None,
        )
        return code
