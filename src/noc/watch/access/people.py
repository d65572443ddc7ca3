"""Logins and roles: who a uid on HQ is, for whom the bot speaks, and what the fleet file lets a person do."""

import os
import pwd
from collections.abc import Sequence
from typing import Final

from noc.fleet.model import Fleet, Role
from noc.watch.access.caller import RANK, Caller
from noc.watch.errors import NotHeadquarters, NotTheBot

RUNNER: Final = "noc-runner"
BOT: Final = "noc-bot"
AGENT: Final = "noc-agent"
PROGRAMS: Final = frozenset({BOT, AGENT})
"""Logins behind which nobody sits: the API is for them, and no page, whatever the fleet file says of such a name."""


def role_of(fleet: Fleet, name: str) -> Role | None:
    """The role of a person in the fleet file; None for somebody who is not in it (any more), and for a program."""
    return None if name in PROGRAMS else next((person.role for person in fleet.people if person.name == name), None)


def caller_at(fleet: Fleet, uid: int) -> Caller:
    """The caller at the other end of a socket, by the uid that the kernel vouches for.

    People have their role, the agent has an agent's, everybody else may look. Root, the runner and the watch's own user
    are operators at least: they could do with the database what they like.
    """
    name = _login(uid)
    role = role_of(fleet, name) or ("agent" if name == AGENT else "viewer")
    if uid in {0, os.geteuid()} or name == RUNNER:
        role = max(role, "operator", key=lambda each: RANK[each])
    return Caller(name, role, "socket")


def spoken_for(fleet: Fleet, caller: Caller, names: Sequence[str]) -> Caller:
    """The person for whom the bot asks.

    Args:
        fleet: whose people there are.
        caller: who is at the other end of the local socket.
        names: what the request says of for whom it is, once for each time that it says so.

    Raises:
        NotTheBot: somebody else says so, or it names nobody, or several.
    """
    if (caller.name, caller.via) != (BOT, "socket"):
        raise NotTheBot(f"{caller.name} speaks for nobody else", why=f"only {BOT} does", fix="ask in your own name")
    role = role_of(fleet, names[0]) if len(names) == 1 else None
    if role is None:
        raise NotTheBot("the fleet file has nobody of that name", fix="[[people]] of fleet.toml, then noc hub apply")
    return Caller(names[0], role, "chat")


def check_headquarters(caller: Caller, fix: str) -> None:
    """Let HQ itself pass: root and the runner's user, on the watch's own socket. Raises NotHeadquarters."""
    if caller.via != "socket" or caller.name not in {"root", RUNNER}:
        raise NotHeadquarters(f"{caller.name} does not tell what HQ itself tells", fix=fix)


def _login(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"
