"""The backups that HQ holds, as clients get them; and whether they are as they were written."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from noc.backup.manifest import Manifest
from noc.backup.rehearsals import rehearsals
from noc.backup.repository import NodeBackups, Repository
from noc.errors import NotFound
from noc.fleet.inventory import Life
from noc.runs.backup.opening import open_repository
from noc.runs.site.site import Site


async def list_backups(site: Site, names: Sequence[str]) -> dict[str, Any]:
    """What there is of each node, the newest first.

    Args:
        site: the fleet.
        names: nodes, or "all"; a node that has left the fleet still has its backups.

    Returns:
        `nodes`: each with `node`, `overdue`, `rehearsed` (when a restore was last rehearsed well, None for never),
        `backups` and `damaged` (name → why).

    Raises:
        NotFound: a name is neither in the fleet nor in the repository.
        CredentialExposed, BadKey: HQ has no key of backups.
    """
    repository, now = open_repository(site.paths), datetime.now(UTC)
    chosen = _chosen(site, repository, names)
    return {"nodes": [await asyncio.to_thread(_listed, site, repository.node(name), now) for name in chosen]}


async def verify_backups(site: Site, names: Sequence[str]) -> dict[str, Any]:
    """Hold every file of every backup against what was written down of it; no identity is needed for that.

    Args:
        site: the fleet.
        names: as `list_backups` takes them.

    Returns:
        `nodes`: each with `node` and `backups`: `name`, `problems` in words.

    Raises:
        NotFound, CredentialExposed, BadKey: as `list_backups`.
    """
    repository = open_repository(site.paths)
    chosen = _chosen(site, repository, names)
    return {"nodes": [await asyncio.to_thread(_verified, repository.node(name)) for name in chosen]}


def _chosen(site: Site, repository: Repository, names: Sequence[str]) -> list[str]:
    kept = repository.nodes()
    known = list(dict.fromkeys([*(node.name for node in site.fleet.nodes), *kept]))
    if "all" in names:
        return known
    if unknown := sorted(set(names) - set(known)):
        raise NotFound(f"no node is called {unknown[0]}", fix="noc backup list names all that have backups")
    return list(dict.fromkeys(names))


def _listed(site: Site, backups: NodeBackups, now: datetime) -> dict[str, Any]:
    manifests = backups.manifests()
    good = next((each for each in rehearsals(backups.directory) if each.ok), None)
    return {
        "node": backups.name,
        "overdue": _is_overdue(site, backups.name, manifests, now),
        "rehearsed": good.at.isoformat() if good else None,
        "backups": [_document(each, now) for each in manifests],
        "damaged": backups.damaged(),
    }


def _is_overdue(site: Site, name: str, manifests: Sequence[Manifest], now: datetime) -> bool:
    """Whether a node that is live has no backup that is young enough."""
    if site.book.record(name).life is not Life.LIVE:
        return False
    limit = timedelta(hours=site.fleet.backup.overdue)
    return not manifests or now - manifests[0].at > limit


def _document(manifest: Manifest, now: datetime) -> dict[str, Any]:
    return {
        "name": manifest.name,
        "at": manifest.at.isoformat(),
        "age_s": round((now - manifest.at).total_seconds()),
        "bytes": manifest.bytes,
        "added": manifest.added,
        "chunks": len(manifest.chunks),
        "epoch": manifest.epoch,
        "release": manifest.release,
        "schema": manifest.schema_version,
        "tables": manifest.trial.tables,
        "rows": manifest.trial.rows,
    }


def _verified(backups: NodeBackups) -> dict[str, Any]:
    read: dict[tuple[str, str], str | None] = {}
    found = [{"name": each.name, "problems": list(backups.verify(each, read))} for each in backups.manifests()]
    found += [{"name": name, "problems": [why]} for name, why in backups.damaged().items()]
    return {"node": backups.name, "backups": found}
