"""Ending machines: what the cloud holds for a node is given back, and HQ forgets what was the machine's alone."""

import asyncio
from collections.abc import Sequence

from noc.cloud.ec2.launch import terminate
from noc.errors import NocError
from noc.fleet.inventory import Life, NodeRecord
from noc.runs.record.events import Verdict
from noc.runs.record.run import Run
from noc.runs.record.steps import Step, walk
from noc.runs.site.cloud import owned
from noc.runs.site.site import Site

TERMINATE_S = 300


async def terminate_nodes(run: Run, site: Site) -> list[Verdict]:
    """End the plan's machines, one after the other; the first failure ends the run."""
    verdicts: list[Verdict] = []
    for name in run.plan.nodes:
        before = site.book.record(name).life
        if verdicts and not verdicts[-1].good:
            verdicts.append(Verdict(node=name, before=before, now=before, verdict="untouched"))
            continue
        work = NodeEnd(run, site, name)
        try:
            changed = await walk(run, name, work.steps)
        except NocError as error:
            now = site.book.record(name).life
            verdicts.append(Verdict(node=name, before=before, now=now, verdict="failed", why=str(error)))
        else:
            word, now = "terminated" if changed else "unchanged", site.book.record(name).life
            verdicts.append(Verdict(node=name, before=before, now=now, verdict=word, good=True))
    site.book.commit(run, run.plan.label())
    return verdicts


class NodeEnd:
    """One node whose machine goes."""

    def __init__(self, run: Run, site: Site, name: str) -> None:
        """Prepare; nothing is asked yet."""
        self._run, self._site, self._name = run, site, name

    @property
    def steps(self) -> tuple[Step, ...]:
        """Nobody judges it any more, its machine ends, its tunnel's key opens nothing."""
        return (
            Step("unwatch", 30, self.unwatch),
            Step("terminate", TERMINATE_S, self.terminate),
            Step("forget", 30, self.forget),
        )

    async def unwatch(self) -> Sequence[str]:
        """Let the watch know first, so that nobody is woken for an end that is meant."""
        record = self._site.book.record(self._name)
        if record.life in (Life.LIVE, Life.PROVISIONED):
            self._site.book.learn(self._name, life=Life.LAUNCHED)
            await self._site.watch.reload()
            return ["not judged any more"]
        return []

    async def terminate(self) -> Sequence[str]:
        """Give back what the cloud holds for it."""
        told: list[str] = []
        there = owned(self._site, self._site.fleet.node(self._name), told.append)
        await asyncio.to_thread(terminate, there)
        return told

    async def forget(self, *, retire: bool = False) -> Sequence[str]:
        """Leave nothing of what HQ knows of the machine; the node is planned again, or gets no other one."""
        life = Life.RETIRED if retire else Life.PLANNED
        changed = self._site.book.learn(self._name, **{**NodeRecord().model_dump(), "life": life})
        self._site.book.render(self._site.fleet)
        return [f"{life}"] if changed else []
