"""A restore rehearsed on HQ: a backup is put together in memory, opened, counted, and forgotten."""

import time
from datetime import UTC, datetime

from noc.backup.manifest import Manifest
from noc.backup.rehearsals import Rehearsal, add
from noc.backup.repository import NodeBackups
from noc.errors import NocError
from noc.runs.backup.clear import put_together


def rehearse(backups: NodeBackups, manifest: Manifest, identity: str, by: str) -> Rehearsal:
    """Rehearse the restore of one backup, and write down how it went, whichever way.

    Args:
        backups: of the node.
        manifest: which one.
        identity: the epoch's key.
        by: who asked for it.

    Returns:
        The rehearsal; `ok` says whether what came out was what had been backed up.

    Raises:
        NoRoom, BackupError: it could not be written down.
    """
    begun, problem = time.monotonic(), ""
    try:
        put_together(backups, manifest, identity)
    except NocError as error:
        problem = f"{error.what}: {error.why}" if error.why else error.what
    made = Rehearsal(
        at=datetime.now(UTC),
        backup=manifest.name,
        ok=not problem,
        seconds=round(time.monotonic() - begun, 3),
        tables=0 if problem else manifest.trial.tables,
        rows=0 if problem else manifest.trial.rows,
        by=by[:100],
        why=problem[:1000],
    )
    add(backups.directory, made)
    return made
