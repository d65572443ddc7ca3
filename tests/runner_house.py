"""A runner on a real Unix socket, in a thread of its own; what its runs do is to wait until they are let go."""

import asyncio
import threading
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from noc.runs.admission.caller import Caller
from noc.runs.paths import Paths
from noc.runs.plan.plan import Action, Plan
from noc.runs.record.events import State, Verdict
from noc.runs.record.run import Run
from noc.runs.runner.client import Client
from noc.runs.runner.door import Door
from noc.runs.runner.operations import Operations
from noc.runs.runner.runner import Runner
from noc.runs.runner.service import listening_socket
from noc.runs.runner.works import Executor, Survey, Works
from noc.runs.site.book import Book
from runs_kit import NAMES

ACTIONS: tuple[Action, ...] = ("keygen", "backup", "os-update", "reboot")


class House:
    """A runner in a thread of its own, whose runs wait until they are let go."""

    def __init__(
        self,
        paths: Paths,
        permit: Callable[[Caller], None],
        executors: Mapping[Action, Executor] = MappingProxyType({}),
        survey: Survey | None = None,
    ) -> None:
        self.paths, self.client = paths, Client(paths.runner_socket)
        self._loop = asyncio.new_event_loop()
        self.go, self.stubborn = asyncio.Event(), False
        works = Works(
            executors={**dict.fromkeys(ACTIONS, self.work), **executors},
            resume=self.work,
            survey=survey or as_it_is,
            looks={"health": self.health},
        )
        self.runner = Runner(paths, works)
        operations = Operations(self.runner)
        self.door = Door(operations.by_name, permit, operations.principals.admit, operations.talks)
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self.call(self.door.open(listening_socket(paths.runner_socket)))

    async def work(self, run: Run) -> list[Verdict]:
        run.record("switch", State.STARTED, run.plan.nodes[0])
        ends = (self.go,) if self.stubborn else (self.go, run.stopping)
        await asyncio.wait({asyncio.ensure_future(waiting.wait()) for waiting in ends},
                           return_when=asyncio.FIRST_COMPLETED)  # fmt: skip
        run.record("switch", State.OK, run.plan.nodes[0])
        good = not run.stopping.is_set()
        return [Verdict(node=name, before="x", now="y", verdict="rotated", good=good) for name in run.plan.nodes]

    async def health(self, names: Any) -> dict[str, Any]:
        return {"nodes": [], "pending": list(names)}

    def call(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    def let_go(self) -> None:
        self._loop.call_soon_threadsafe(self.go.set)

    def close(self) -> None:
        self.let_go()
        self.call(self.runner.stop())
        self.call(self.door.close())
        self.call(self._cancel_rest())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self.runner.audit.close()  # the end of a talk may have been written down behind the runner's own

    async def end_talks(self) -> None:
        """Close what clients have open, as a runner does that is stopped."""
        for task in list(self.door._open):
            task.cancel()

    async def _cancel_rest(self) -> None:
        rest = asyncio.all_tasks() - {asyncio.current_task()}
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)


async def as_it_is(plan: Plan) -> Plan:
    return plan


def with_tunnels(paths: Paths) -> Paths:

    book = Book(paths.fleet)
    for name in NAMES:
        book.learn(name, wireguard_key="u" * 42 + "g=")
    return paths
