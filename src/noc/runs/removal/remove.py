"""Nodes that leave: nobody is led to them any more, their data is kept, and then everything of them goes.

Each step looks first, so that a run that was cut anywhere goes on when the command is given again. A node is judged
until its name is forgotten everywhere, since until then it serves; from then on nobody is woken for it.
"""

import asyncio
from collections.abc import Sequence

from noc.cloud.dns.plan import plan
from noc.cloud.ec2.owned import Owned
from noc.errors import NocError
from noc.fleet.inventory import Life
from noc.fleet.model import Node
from noc.hosts.errors import CommandFailed, ConnectionLost, Overdue, Unreachable
from noc.runs.admission.errors import LeaseLost
from noc.runs.backup.opening import open_repository, recipients
from noc.runs.backup.take import FETCHED_WITHIN_S, NodeBackup
from noc.runs.errors import RunCut
from noc.runs.launch.terminate import TERMINATE_S, NodeEnd
from noc.runs.naming.shown import missing, not_shown
from noc.runs.record.events import Verdict
from noc.runs.record.run import Run
from noc.runs.record.steps import Step, walk
from noc.runs.removal.clearing import CLEAR, last_act
from noc.runs.removal.errors import NoLastBackup, NotCleared
from noc.runs.removal.survey import at_cloud, holds_data
from noc.runs.site.cloud import owned
from noc.runs.site.escrow import escrow
from noc.runs.site.names import has_zone, zone
from noc.runs.site.site import Site

CLEAR_S = 120.0


async def remove(run: Run, site: Site) -> list[Verdict]:
    """Let the plan's nodes go, one after the other; the first failure ends the run."""
    verdicts: list[Verdict] = []
    for name in run.plan.nodes:
        before = site.book.record(name).life
        if verdicts and not verdicts[-1].good:
            verdicts.append(Verdict(node=name, before=before, now=before, verdict="untouched"))
            continue
        work = NodeRemoval(run, site, site.fleet.node(name))
        word, why = "removed", ""
        try:
            await walk(run, name, work.steps)
        except NocError as error:
            word, why = "failed", str(error)
        finally:
            await work.close()
        now = site.book.record(name).life
        verdicts.append(Verdict(node=name, before=before, now=now, verdict=word, good=not why, why=why))
    site.book.commit(run, run.plan.label())
    return verdicts


class NodeRemoval:
    """One node on its way out."""

    def __init__(self, run: Run, site: Site, node: Node) -> None:
        """Prepare; nothing is asked yet."""
        self._run, self._site, self._node = run, site, node
        self._options, self._link = run.plan.options, site.link(node)
        self._end = NodeEnd(run, site, node.name)

    @property
    def steps(self) -> tuple[Step, ...]:
        """Name, judgement, data, machine, memory."""
        ttl_s = float(self._site.fleet.dns.ttl)
        machine = Step("terminate", TERMINATE_S, self._end.terminate)
        return (
            Step("name", 120, self.unname),
            Step("drain", ttl_s + 30, self.drain),
            Step("unwatch", 30, self._end.unwatch),
            Step("backup", FETCHED_WITHIN_S, self.backup),
            machine if at_cloud(self._node) else Step("clear", CLEAR_S + 30, self.clear),
            Step("certificate", 30, self.certificate),
            Step("forget", 30, self.forget),
        )

    async def close(self) -> None:
        """End the connection."""
        await self._link.close()

    async def unname(self) -> Sequence[str]:
        """Take its record out of the zone, and see the zone's name servers forget it. Raises NameMissing."""
        if not has_zone(self._site):
            return []
        there, name = zone(self._site), self._site.fleet.hostname(self._node)
        found = [each for each in await there.records() if each.ours and each.record.name == name]
        if not found:
            return []
        made = plan(found, []).changes
        self._run.check()
        await there.apply(made)
        if await not_shown(self._site, made):
            raise missing([name])
        return [str(change) for change in made]

    async def drain(self) -> Sequence[str]:
        """Serve on until no cache can hold the record any more. Raises RunCut where the run is asked to stop."""
        live = self._site.book.record(self._node.name).life is Life.LIVE
        if not live or self._options.at_once or self._options.gone:
            return []
        ttl_s = self._site.fleet.dns.ttl
        try:
            await asyncio.wait_for(self._run.stopping.wait(), ttl_s)
        except TimeoutError:
            return [f"served for {ttl_s} s more"]
        raise RunCut("its name may still be held somewhere", why="the run was asked to stop", fix="give it again")

    async def backup(self) -> Sequence[str]:
        """Stop its service, so that nothing is written any more, and take its last backup. Raises NoLastBackup."""
        record = self._site.book.record(self._node.name)
        if self._options.without_backup or self._options.gone or not holds_data(record):
            return []
        if at_cloud(self._node) and await asyncio.to_thread(self._machine.instance) is None:
            return []
        try:
            return await self._last_backup()
        except (RunCut, LeaseLost):
            raise
        except NocError as error:
            fix = f"noc remove {self._node.name}, again; with --without-backup if its data is not needed"
            raise NoLastBackup(
                f"no last backup of {self._node.name} could be taken", why=str(error), fix=fix
            ) from error

    async def _last_backup(self) -> Sequence[str]:
        shell = await self._link.shell()
        await shell.run("systemctl", "stop", "clavitor.socket", "clavitor.service", timeout_s=60)
        repository = open_repository(self._site.paths)
        last = NodeBackup(self._run, self._site, repository, recipients(self._site.paths), self._node)
        try:
            await last.reach()
            return [*await last.copy(), *await last.fetch(), *await last.commit()]
        finally:
            await last.close()

    @property
    def _machine(self) -> Owned:
        return owned(self._site, self._node, lambda _: None)

    async def clear(self) -> Sequence[str]:
        """Let a machine that is no cloud's forget all of it, the tunnel last. Raises NotCleared."""
        if self._options.gone or self._site.book.record(self._node.name).wireguard_key is None:
            return []
        line = self._site.book.inventory.hub.ssh_key or "- -"
        try:
            shell = await self._link.shell()
            await shell.run("sh", "-euc", CLEAR, timeout_s=CLEAR_S)
            await shell.run(*last_act(self._site.fleet.tunnel.interface, line))
        except (CommandFailed, ConnectionLost, Overdue, Unreachable) as error:
            fix = f"noc remove {self._node.name}, again; with --gone if its machine is no more"
            raise NotCleared(f"{self._node.name} may still hold data and keys", why=str(error), fix=fix) from error
        self._site.book.learn(self._node.name, wireguard_key=None, wireguard_key_before=None)
        return ["service stopped", "data and keys removed", "tunnel ended"]

    async def certificate(self) -> Sequence[str]:
        """Drop HQ's copies of its certificates: with the machine's own gone, nobody has their keys any more."""
        names = (self._site.fleet.hostname(self._node), *self._node.aliases)
        return [f"copy of the certificate of {name} dropped" for name in names if escrow(self._site).drop(name)]

    async def forget(self) -> Sequence[str]:
        """Leave nothing of it with HQ but its history, and let watch and hub know."""
        answering = self._site.book.inventory.answers_apex
        self._site.book.learn_apex(answers_apex=tuple(name for name in answering if name != self._node.name))
        forgotten = await self._end.forget(retire=self._options.retire)
        await self._site.watch.reload()
        return [*forgotten, "push token and tunnel key are good for nothing"]
