"""Who is at the other end of a Unix socket, and whether the runner's door lets them in."""

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
AGENT = "noc-agent"
"""Whom a model speaks through."""
BOT, WATCH = "noc-bot", "noc-watch"
"""Those that speak for people: the bot for whom it hears in a chat, the watch for whom is signed in at its pages."""
SERVICES = frozenset({RUNNER, AGENT, BOT, WATCH})
"""Logins that are nobody's; `noc.runs.admission.permits` says what each may ask for."""
SOCKET = "socket"
_UCRED = struct.Struct("3i")


@dataclass(frozen=True)
class Caller:
    """Who asks: a process, as the kernel knows it (`SO_PEERCRED`, unix(7)), or a person whom a service vouches for.

    Attributes:
        uid: of the process; also where it speaks for somebody, so that nobody becomes root by being spoken for.
        name: of its login, `uid N` where there is none; the person's where a service speaks for somebody.
        groups: its login's; none for somebody who is spoken for.
        channel: by which the person came: `telegram`, `discord`, `page`; `socket` for the process itself.
        id: the person's identity there, in decimal digits; "" where the channel has none.
        voucher: the service that speaks for the person, "" for the process itself.
    """

    uid: int
    name: str
    groups: frozenset[str]
    channel: str = SOCKET
    id: str = ""
    voucher: str = ""

    @property
    def origin(self) -> dict[str, str]:
        """What the audit notes beside the name: nothing for who is logged in on HQ."""
        if not self.voucher:
            return {}
        return {"channel": self.channel, **({"id": self.id} if self.id else {})}


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


def check_known(caller: Caller) -> None:
    """Let root, members of `noc-operators` and the services' users in; what these may ask for, `permits` says.

    Raises:
        CallerRefused: it is somebody else.
    """
    if caller.uid != 0 and caller.name not in SERVICES and OPERATORS not in caller.groups:
        raise not_an_operator(caller.name)


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
