"""Which backup a node gets back: found by its time, held against what was written down, and said in words."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from noc.backup.errors import BackupDamaged
from noc.backup.manifest import Manifest
from noc.backup.repository import NodeBackups
from noc.hosts.activation import NodeFacts
from noc.hosts.answers import Present
from noc.runs.admission.clock import lasting, told
from noc.runs.backup.opening import open_repository
from noc.runs.plan.plan import NodePlan
from noc.runs.rollout.preflight import ROOM, obstacles
from noc.runs.site.site import Site


@dataclass(frozen=True)
class Choice:
    """One backup that is to be put back.

    Attributes:
        backups: of its node.
        manifest: the backup.
        release: what wrote it, for people; "" for none.
        zone: the fleet's timezone.
    """

    backups: NodeBackups
    manifest: Manifest
    release: str
    zone: ZoneInfo

    def words(self, now: datetime) -> str:
        """Which one was taken: its time, age and content."""
        found = self.manifest
        what = f"{found.bytes / 2**20:.1f} MiB, {found.trial.rows} rows of {found.trial.tables} tables"
        age = lasting((now - found.at).total_seconds())
        by = f", written by {self.release}" if self.release else ""
        return f"backup {found.name}, {age} old, of {told(found.at.astimezone(self.zone))}: {what}{by}"

    def loss(self, now: datetime, rows: int | None) -> str:
        """What is lost by putting it back, `rows` being those that are there now, None where they are not known."""
        found = self.manifest
        since = told(found.at.astimezone(self.zone))
        there = "" if rows is None else f"; rows now: {rows}, in the backup: {found.trial.rows}"
        return f"what was written since {since}, {lasting((now - found.at).total_seconds())}, is lost{there}"


def choose(site: Site, node: str, at: datetime | None) -> Choice:
    """The newest backup of a node until a time, None for the newest; all that lies there of it is read and checked.

    Raises:
        NoBackup: there is none.
        BackupDamaged: it is not as it was written; nothing was asked of the node.
    """
    backups = open_repository(site.paths).node(node)
    manifest = backups.newest(at)
    if problems := backups.verify(manifest):
        fix = f"noc backup verify {node} says which are whole; take one with --at"
        why = "; ".join(problems[:5])
        raise BackupDamaged(f"backup {manifest.name} of {node} cannot be put back", why=why, fix=fix)
    return Choice(backups, manifest, site.label(manifest.release), ZoneInfo(site.fleet.timezone))


def row_of(choice: Choice, facts: NodeFacts, present: Present, fence: int, now: datetime | None = None) -> NodePlan:
    """What a restore would do to a node that answers.

    Args:
        choice: what it is to get back.
        facts: what it says of itself.
        present: its database as it is.
        fence: the run's fence number, or one below it.
        now: the time, UTC; the clock's where None.
    """
    when, manifest = now or datetime.now(UTC), choice.manifest
    problems = (*obstacles(facts, None, fence), *_room(manifest, facts, present), *_schema(choice, present))
    return NodePlan(
        node=manifest.node,
        position=1,
        state="blocked" if problems else "change",
        running=facts.current,
        bytes=manifest.bytes,
        disk_free=facts.disk_free_bytes,
        memory_free=facts.memory_free_bytes,
        differences=(choice.words(when),),
        problems=problems,
        loss=choice.loss(when, sum(present.rows.values()) if present.rows is not None else None),
    )


def _room(manifest: Manifest, facts: NodeFacts, present: Present) -> Sequence[str]:
    """Both databases lie there twice at most: as a snapshot, and in their place or on the way there."""
    wanted = 2 * (manifest.bytes + present.bytes) + ROOM
    if facts.disk_free_bytes >= wanted:
        return ()
    return (f"{facts.disk_free_bytes >> 20} MiB free, {wanted >> 20} MiB needed for the data of now and those of then",)


def _schema(choice: Choice, present: Present) -> Sequence[str]:
    """What runs has brought its database to its own schema."""
    manifest, now = choice.manifest, present.schema_version
    if now is None or manifest.schema_version <= now:
        return ()
    newer = choice.release or (manifest.release or "the release that wrote it")[:12]
    what = f"the backup has schema {manifest.schema_version}, the release that runs there knows {now}"
    return (f"{what}: noc deploy {manifest.node} {newer.partition(' ')[0]} first",)
