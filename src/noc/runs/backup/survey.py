"""What a plan of a backup says before it begins: who answers, what there is already, and whether HQ has room."""

import asyncio
from datetime import UTC, datetime

from noc.backup.errors import BackupDamaged, NoBackup
from noc.backup.repository import NodeBackups
from noc.hosts.errors import ConnectionLost, Overdue, Unreachable
from noc.runs.admission.clock import lasting
from noc.runs.backup.opening import open_repository
from noc.runs.plan.plan import NodePlan, Plan
from noc.runs.site.site import Site

AWAY = (ConnectionLost, Overdue, Unreachable)
"""What it raises to ask a node that is down."""


async def survey_backup(site: Site, plan: Plan) -> Plan:
    """Complete the plan of a backup.

    Raises:
        NoRoom: HQ's disk is nearly full.
        CredentialExposed, BadKey: HQ has no key of backups.
    """
    repository = open_repository(site.paths)
    repository.check_room()

    async def row(position: int, name: str) -> NodePlan:
        known = await asyncio.to_thread(_newest, repository.node(name))
        why = await _away(site, name)
        return NodePlan(
            node=name,
            position=position,
            state="down" if why else "change",
            differences=(known,),
            problems=(why,) if why else (),
        )

    rows = await asyncio.gather(*(row(place, name) for place, name in enumerate(plan.nodes, 1)))
    return plan.model_copy(update={"rows": tuple(rows)})


async def _away(site: Site, name: str) -> str:
    """Why a node cannot be asked, in words; "" where it answers."""
    node = site.fleet.node(name)
    link = site.link(node)
    try:
        await link.ask(lambda activator: activator.facts())
    except AWAY as error:
        await link.close()
        return str(error)
    await site.keep(node, link)
    return ""


def _newest(backups: NodeBackups) -> str:
    try:
        newest = backups.newest()
    except NoBackup:
        return "no backup yet"
    except BackupDamaged as error:
        return error.what
    age = lasting((datetime.now(UTC) - newest.at).total_seconds())
    return f"newest backup {age} old, {newest.bytes / 2**20:.1f} MiB"
