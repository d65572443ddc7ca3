"""Backups of nodes: how old the newest is, and when a restore of it was last rehearsed."""

from collections.abc import Iterator
from datetime import timedelta

from noc.backup.rehearsals import rehearsals
from noc.backup.repository import NodeBackups
from noc.errors import NocError
from noc.fleet.inventory import Life
from noc.runs.admission.clock import lasting
from noc.runs.backup.opening import open_repository
from noc.runs.doctor.care import Care
from noc.runs.doctor.line import Line

BACKUP, REHEARSAL = "backup", "restore"


def backup_lines(care: Care) -> Iterator[Line]:
    """Two lines a live node; one for HQ where it cannot read its own backups.

    A restore that was never rehearsed is due as long after the oldest backup as the next one after the last.
    """
    live = [node.name for node in care.fleet.nodes if care.inventory.record(node.name).life is Life.LIVE]
    try:
        repository = open_repository(care.paths)
        for name in live:
            yield _backup(care, repository.node(name))
            yield _rehearsal(care, repository.node(name))
    except NocError as error:
        says = f"{error.what}: {error.why}" if error.why else error.what
        yield Line(care.fleet.hub.name, BACKUP, "wrong", says, fix=error.fix)


def _backup(care: Care, backups: NodeBackups) -> Line:
    node, fix = backups.name, f"noc backup run {backups.name}"
    if damaged := backups.damaged():
        says = f"{len(damaged)} of its backups cannot be read: {min(damaged)}"
        return Line(node, BACKUP, "wrong", says, fix=f"noc backup verify {node}, then {fix}")
    manifests = backups.manifests()
    if not manifests:
        return Line(node, BACKUP, "wrong", "there is none", fix=fix)
    at, lasts = manifests[0].at, timedelta(hours=care.fleet.backup.overdue)
    late = care.now - at > lasts
    says = f"the newest is {lasting((care.now - at).total_seconds())} old"
    return Line(node, BACKUP, "wrong" if late else "ok", says, fix=fix if late else "", at=at, due=at + lasts)


def _rehearsal(care: Care, backups: NodeBackups) -> Line:
    node, lasts = backups.name, timedelta(days=care.fleet.backup.drill_due)
    fix = f"noc backup request {node} | noc unlock | noc backup unseal {node}, then noc backup rehearse {node}"
    made, manifests = rehearsals(backups.directory), backups.manifests()
    if made and not made[0].ok:
        return Line(node, REHEARSAL, "wrong", f"the last rehearsal failed: {made[0].why}", fix=fix, at=made[0].at)
    if made:
        due, says = made[0].at + lasts, f"rehearsed with backup {made[0].backup}, {made[0].rows} rows"
        late = care.now > due
        return Line(node, REHEARSAL, "due" if late else "ok", says, fix=fix if late else "", at=made[0].at, due=due)
    if not manifests:
        return Line(node, REHEARSAL, "due", "never rehearsed, and there is no backup to do it with", fix=fix)
    due = manifests[-1].at + lasts
    late = care.now > due
    return Line(node, REHEARSAL, "due" if late else "ok", "never rehearsed", fix=fix if late else "", due=due)
