"""What keeps runs from beginning and ends those that are under way: who holds the lease, halt, lift, stop."""

from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from noc.errors import NocError
from noc.fleet.load import load
from noc.runs.admission.approval import check_may_act
from noc.runs.admission.caller import Caller
from noc.runs.admission.errors import AnotherHq
from noc.runs.admission.fence import last_fence, raise_fence
from noc.runs.admission.grant import describe, read_lease
from noc.runs.admission.halt import Halt
from noc.runs.admission.superseded import check_ours
from noc.runs.errors import RunNotFound
from noc.runs.paths import Paths
from noc.runs.runner.door import Answers, Operation
from noc.runs.runner.runner import Runner


class Controls:
    """The door's operations around whatever run is under way."""

    def __init__(self, runner: Runner) -> None:
        """Offer them over a runner."""
        self._runner = runner

    @property
    def operations(self) -> dict[str, Operation]:
        """By the name that requests give."""
        return {"lease": self._lease, "halt": self._halt, "lift": self._lift, "stop": self._stop}

    async def _lease(self, request: Mapping[str, Any], caller: Caller) -> Answers:
        paths = self._runner.paths
        if (above := request.get("above")) is not None:
            with self._runner.audit.acting(f"give fence numbers above {int(above)}", caller.name):
                check_may_act(caller, load(paths.fleet))
                raise_fence(paths.fence, int(above))
                with suppress(AnotherHq):
                    check_ours(paths.superseded, paths.fence)
        yield {**state(paths), "next_fence": last_fence(paths.fence) + 1}

    async def _halt(self, request: Mapping[str, Any], caller: Caller) -> Answers:
        reason, run = str(request.get("reason", "")), self._runner.current
        order = self._runner.halt.set(caller.name, reason)
        if run is not None:
            run.stopping.set()
        self._note("halt", caller, reason=reason, run=run.id if run else None)
        yield {"halt": order.model_dump(mode="json"), "run": run.id if run else None}

    async def _lift(self, _request: Mapping[str, Any], caller: Caller) -> Answers:
        with self._runner.audit.acting("lift the halt", caller.name):
            check_may_act(caller, load(self._runner.paths.fleet))
            order = self._runner.halt.lift()
        yield {"lifted": order.model_dump(mode="json") if order else None}

    async def _stop(self, request: Mapping[str, Any], caller: Caller) -> Answers:
        run, wanted = self._runner.current, str(request["run"])[:64]
        if run is None or run.id != wanted:
            raise RunNotFound(f"run {wanted} is not under way", fix="noc run list says how it ended")
        run.stopping.set()
        self._note(f"stop run {run.id}", caller)
        yield {"run": run.id}

    def _note(self, what: str, caller: Caller, **detail: Any) -> None:  # noqa: ANN401 - any JSON value
        with self._runner.audit.acting(what, caller.name, **detail, **caller.origin):
            """It has happened: to stop must not hang on being able to write."""


def state(paths: Paths) -> dict[str, Any]:
    """The lease and the halt as a document: lease, standing, explanation, halt (None where nothing is halted).

    Raises:
        LeaseUnreadable: the lease's file was damaged.
        PermissionError: it is not ours to read.
    """
    order = Halt(paths.halt).read()
    described = describe(read_lease(paths.lease), datetime.now(fleet_zone(paths)))
    return {**described, "halt": order.model_dump(mode="json") if order else None}


def fleet_zone(paths: Paths) -> tzinfo:
    """The fleet's timezone; UTC where the fleet cannot be read, which keeps nobody from halting it."""
    try:
        return ZoneInfo(load(paths.fleet).timezone)
    except (NocError, OSError):
        return UTC
