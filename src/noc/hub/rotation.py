"""Root's half of the rotations of HQ's SSH key and host CA: the next key is made here, and files follow the inventory.

The runner has both keys from the beginning of a rotation on, and the inventory says which one is in use. So nothing
depends on when files are renamed: the command does it once its run is over, the next one does, or an installation.
"""

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from noc.fleet.files import sync_directory
from noc.fleet.inventory import Inventory
from noc.hub.places import CREDENTIALS, HOST_CA, SSH_KEY
from noc.hub.system import Owner, ensure_file, run
from noc.runs.admission.grant import Standing, explain, read_lease
from noc.runs.errors import FleetBusy
from noc.runs.paths import Paths
from noc.runs.site.hqkeys import held, same_key

USED, NEXT, BEFORE = "", ".next", ".before"
IDLE_WITHIN_S, RESTART_S = 120.0, 330.0
_POLL_S = 0.25


@dataclass(frozen=True)
class Move:
    """What root does to one of HQ's key files: by name, `to` None for one that goes."""

    name: str
    to: str | None
    stays: bool = False


def needs_next(kind: str, inventory: Inventory, lines: Mapping[str, str]) -> bool:
    """Whether a new key is to be made: none is on its way, and no node waits for the end of the rotation before. Pure.

    Args:
        kind: `SSH_KEY` or `HOST_CA`.
        inventory: what is known of HQ and the nodes.
        lines: the public halves of the files that are there, by what their names end with.
    """
    used, coming = getattr(inventory.hub, kind), getattr(inventory.hub, f"{kind}_next")
    if NEXT in lines and not same_key(lines[NEXT], used):
        return False
    return coming is not None or not _owed(kind, inventory)


def moves(kind: str, inventory: Inventory, lines: Mapping[str, str]) -> tuple[Move, ...]:
    """What brings the files of one kind to what the inventory says, in this order; cut in between, the rest follows.

    The key from before stays as long as a node knows no other one; of a CA only the public half would be needed then,
    and that stands in the inventory. Pure; arguments as `needs_next`.
    """
    used = getattr(inventory.hub, kind)
    found: list[Move] = []
    if USED in lines and not same_key(lines[USED], used) and same_key(lines.get(NEXT), used):
        if _needed(kind, inventory, lines[USED]):
            found.append(Move(kind, kind + BEFORE, stays=True))
        found.append(Move(kind + NEXT, kind))
    elif BEFORE in lines and not _needed(kind, inventory, lines[BEFORE]):
        found.append(Move(kind + BEFORE, None))
    return tuple(found)


def _needed(kind: str, inventory: Inventory, line: str) -> bool:
    return kind == SSH_KEY and any(same_key(record.ssh_key, line) for record in inventory.nodes.values())


def _owed(kind: str, inventory: Inventory) -> bool:
    return any(getattr(record, kind) is not None for record in inventory.nodes.values())


def settle(inventory: Inventory, credentials: Path = CREDENTIALS) -> list[str]:
    """Let HQ's key files be what the inventory says. Returns what was changed."""
    kinds = (SSH_KEY, HOST_CA)
    wanted = [move for kind in kinds for move in moves(kind, inventory, _lines(credentials, kind))]
    return [_make(credentials, move) for move in wanted]


def _make(credentials: Path, move: Move) -> str:
    path = credentials / move.name
    if move.to is None:
        path.unlink()
    elif move.stays:
        beside = credentials / f".{move.to}.noc-new"
        beside.unlink(missing_ok=True)
        os.link(path, beside)
        beside.replace(credentials / move.to)
    else:
        path.replace(credentials / move.to)
    sync_directory(credentials)
    return f"{path} removed" if move.to is None else str(credentials / move.to)


def ensure_next(kind: str, comment: str, inventory: Inventory, credentials: Path = CREDENTIALS) -> list[str]:
    """Make the next key of a kind beside the one in use, where a rotation is to begin. Returns what was changed."""
    from noc.hosts.trust import generate_key  # noqa: PLC0415 - takes longer to load than most commands run

    if not needs_next(kind, inventory, _lines(credentials, kind)):
        return []
    return ensure_file(credentials / (kind + NEXT), generate_key(comment).private.decode(), Owner(mode=0o600))


def _lines(credentials: Path, kind: str) -> dict[str, str]:
    return {path.name.removeprefix(kind): line for path, line in held(credentials, kind).items()}


def restart_runner(wait_s: float = IDLE_WITHIN_S) -> None:
    """Hand the runner the keys as they are now: it reads them when it starts, so no run may be under way.

    Raises:
        FleetBusy: one still is after that many seconds.
    """
    lease, end = Paths.from_environment().lease, time.monotonic() + wait_s
    while (grant := read_lease(lease)) is not None and grant.standing is Standing.HELD:
        if time.monotonic() >= end:
            why = explain(grant, datetime.now(UTC))
            raise FleetBusy("the runner cannot be given its keys now", why=why, fix="the same command, later")
        time.sleep(_POLL_S)
    run("systemctl", "restart", "noc-runner.service", timeout_s=RESTART_S)
