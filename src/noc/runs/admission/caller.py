"""Who is at the other end of a Unix socket, and whether the runner listens to them."""

import grp
import os
import pwd
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass

from noc.runs.errors import CallerRefused

OPERATORS = "noc-operators"
RUNNER = "noc-runner"
"""The runner's own user, as which HQ's timers ask for what the schedule says."""
ITS_OPERATION = "job"
_UCRED = struct.Struct("3i")


@dataclass(frozen=True)
class Caller:
    """A process, as the kernel vouches for it (`SO_PEERCRED`, unix(7)). Its name is for people: uid N where unknown."""

    uid: int
    name: str
    groups: frozenset[str]


Permit = Callable[[Caller], None]


def identify(connection: socket.socket) -> Caller:
    """The caller at the other end of a connected Unix socket."""
    _pid, uid, gid = _UCRED.unpack(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size))
    try:
        name = pwd.getpwuid(uid).pw_name
        gids = os.getgrouplist(name, gid)
    except KeyError:
        name, gids = f"uid {uid}", [gid]
    return Caller(uid, name, frozenset(filter(None, map(_group_name, gids))))


def operators_only(caller: Caller) -> None:
    """Let root and members of `noc-operators` pass, and the runner's own user for what `check_operation` leaves it.

    Raises:
        CallerRefused: it is somebody else.
    """
    if caller.uid != 0 and caller.name != RUNNER and OPERATORS not in caller.groups:
        raise not_an_operator(caller.name)


def check_operation(caller: Caller, operation: str) -> None:
    """Let the runner's own user ask for its one operation, whatever groups it is in. Raises CallerRefused."""
    if caller.name == RUNNER and operation != ITS_OPERATION:
        raise CallerRefused(
            f"{RUNNER} may not ask for that",
            why="it does what the schedule of fleet.toml says, and nothing else",
            fix="give the command as yourself",
        )


def not_an_operator(name: str) -> CallerRefused:
    """The refusal of a user who is not in `noc-operators`."""
    return CallerRefused(
        f"{name} may not use the runner",
        why=f"only root and the group {OPERATORS} may",
        fix=f"on HQ, as root: usermod -aG noc,{OPERATORS} {name}, then log in again",
    )


def _group_name(gid: int) -> str | None:
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return None
