"""Taking backups: several nodes at once, each by its own steps; one that fails does not hold the others."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime

from pydantic import ValidationError

from noc.backup.epoch import Epoch
from noc.backup.errors import BackupDamaged, NoBackup
from noc.backup.manifest import Manifest, Trial
from noc.backup.repository import Repository
from noc.errors import NocError
from noc.fleet.model import Node
from noc.hosts.activation import COPIED_WITHIN_S, Copied
from noc.hosts.errors import Unclear
from noc.runs.backup.opening import open_repository, recipients
from noc.runs.backup.survey import AWAY
from noc.runs.errors import RunCut
from noc.runs.record.events import State, Verdict
from noc.runs.record.run import Run
from noc.runs.record.steps import Step, walk
from noc.runs.site.site import Site

AT_ONCE = 4
"""Nodes; and of each so many chunks are under way at once, at most a MiB each."""
FETCHED_WITHIN_S = 4 * 3600
_TOLD = 32
_SEALED = 1024
"""Bytes that a file may be longer than its clear chunk: zlib's and age's headers."""


async def take_backups(run: Run, site: Site) -> list[Verdict]:
    """Back up the databases of the plan's nodes.

    Args:
        run: its plan names the nodes.
        site: the fleet.

    Returns:
        One verdict a node: `backed up`, `skipped` where it is down, or `failed`.

    Raises:
        NoRoom: HQ's disk is nearly full; nothing was begun.
        NoRecipients, CredentialExposed, BadKey: nobody could open a backup, or HQ has no key.
    """
    repository, people = open_repository(site.paths), recipients(site.paths)
    repository.check_room()
    at_once = asyncio.Semaphore(AT_ONCE)

    async def one(name: str) -> Verdict:
        async with at_once:
            return await _one(run, NodeBackup(run, site, repository, people, site.fleet.node(name)))

    return list(await asyncio.gather(*map(one, run.plan.nodes)))


async def _one(run: Run, work: "NodeBackup") -> Verdict:
    name, before = work.node.name, work.newest
    try:
        await work.reach()
        await walk(run, name, work.steps)
    except AWAY as error:
        if work.begun:
            return Verdict(node=name, before=before, now=before, verdict="failed", why=str(error))
        run.record("contact", State.SKIPPED, name, why=str(error))
        return Verdict(node=name, before=before, now=before, verdict="skipped", why=str(error))
    except NocError as error:
        return Verdict(node=name, before=before, now=before, verdict="failed", why=str(error))
    finally:
        await work.close()
    return Verdict(node=name, before=before, now=work.newest, verdict="backed up", good=True)


class NodeBackup:
    """One node whose database is backed up.

    Attributes:
        begun: the node has answered.
    """

    def __init__(self, run: Run, site: Site, repository: Repository, recipients: Sequence[str], node: Node) -> None:
        """Prepare; nothing is asked yet."""
        self._run, self._site, self._repository, self._recipients = run, site, repository, recipients
        self.node, self.begun = node, False
        self._backups = repository.node(node.name)
        self._link = site.link(node)
        self._sent = self._added = 0

    @property
    def steps(self) -> tuple[Step, ...]:
        """A copy that the node has proven, what HQ does not hold of it, and the manifest once all of it lies there."""
        return (
            Step("copy", COPIED_WITHIN_S + 30, self.copy),
            Step("fetch", FETCHED_WITHIN_S, self.fetch),
            Step("commit", 300, self.commit),
        )

    @property
    def newest(self) -> str:
        """The newest backup for people: when, how large, and how much of it was new; "" where there is none."""
        try:
            return said(self._backups.newest())
        except NoBackup:
            return ""
        except BackupDamaged as error:
            return error.what

    async def reach(self) -> None:
        """See that the node answers, over a connection that is kept for the rest."""
        await self._link.ask(lambda activator: activator.facts())
        self.begun = True

    async def copy(self) -> Sequence[str]:
        """Have the node copy its database, and prove the copy. Raises ActivationRefused where it is damaged."""
        self._epoch = await asyncio.to_thread(self._backups.epoch, self._recipients)
        at = datetime.now(UTC).replace(microsecond=0)
        self._activator = await self._link.activator()
        copied = await self._activator.backup(self._backups.names_key(self._epoch))
        self._draft = manifest_of(self.node.name, at, self._epoch, copied)
        return [f"{copied.bytes / 2**20:.1f} MiB", f"{copied.rows} rows of {copied.tables} tables proven"]

    async def fetch(self) -> Sequence[str]:
        """Bring the chunks that HQ does not hold, and keep each as it comes. Raises NoRoom, ChunkRefused, RunCut."""
        sizes = dict(self._draft.chunks)
        missing = await asyncio.to_thread(self._backups.missing, self._epoch, sizes)
        self._repository.check_room(sum(sizes[name] + _SEALED for name in missing))
        names = iter(name for name in sizes if name in missing)
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(AT_ONCE):
                    group.create_task(self._bring(names, len(missing)))
        except ExceptionGroup as failed:
            raise failed.exceptions[0] from None
        return [f"{len(missing)} of {len(sizes)} chunks", f"{self._added / 2**20:.1f} MiB new"] if missing else []

    async def _bring(self, names: Iterator[str], of: int) -> None:
        for name in names:
            if self._run.stopping.is_set():
                raise RunCut(f"{self.node.name} stopped", why="the run was asked to stop")
            packed = await self._activator.chunk(name)
            added = await asyncio.to_thread(self._backups.keep, self._epoch, name, packed)
            self._added += added
            self._sent += 1
            if self._sent % _TOLD == 0:
                self._run.record("fetch", State.PROGRESS, self.node.name, say=f"{self._sent} of {of} chunks")

    async def commit(self) -> Sequence[str]:
        """Let the backup be one that is listed."""
        draft = self._draft.model_copy(update={"added": self._added})
        return [(await asyncio.to_thread(self._backups.commit, draft)).name]

    async def close(self) -> None:
        """Let the node forget the copy; where it cannot be told, it does by itself."""
        with suppress(NocError):
            if self.begun:
                await (await self._link.activator()).discard()
        await self._link.close()


def manifest_of(node: str, at: datetime, epoch: Epoch, copied: Copied) -> Manifest:
    """What is written down of a copy: by HQ's clock from before it was taken, so that no write is promised too much.

    Raises:
        Unclear: what the node says of it does not fit together.
    """
    try:
        return Manifest(
            node=node,
            at=at,
            epoch=epoch.id,
            release=copied.release,
            schema_version=copied.schema_version,
            bytes=copied.bytes,
            page_size=copied.page_size,
            chunks=copied.chunks,
            whole=copied.whole,
            trial=Trial(tables=copied.tables, rows=copied.rows),
        )
    except ValidationError as error:
        why = str(error.errors()[0]["msg"])
        raise Unclear(f"{node} says of its copy what cannot be", why=why, fix=f"noc provision {node}") from None


def said(manifest: Manifest) -> str:
    """A backup in a cell: `2026-11-26 03:00 12.4 MiB, 0.3 new`."""
    return f"{manifest.at:%Y-%m-%d %H:%M} {manifest.bytes / 2**20:.1f} MiB, {manifest.added / 2**20:.2f} new"
