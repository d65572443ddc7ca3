"""Logins and roles: who a uid on HQ is, and what the fleet file lets a person do."""

import os
import pwd
from typing import Final

from noc.fleet.model import Fleet, Role
from noc.watch.access.caller import RANK, Caller
from noc.watch.errors import NotHeadquarters

RUNNER: Final = "noc-runner"


def role_of(fleet: Fleet, name: str) -> Role | None:
    """The role of a person in the fleet file; None for somebody who is not in it (any more)."""
    return next((person.role for person in fleet.people if person.name == name), None)


def caller_at(fleet: Fleet, uid: int) -> Caller:
    """The caller at the other end of a socket, by the uid that the kernel vouches for.

    People have their role, everybody else may look. Root, the runner and the watch's own user are operators at least:
    they could do with the database what they like.
    """
    name = _login(uid)
    role = role_of(fleet, name) or "viewer"
    if uid in {0, os.geteuid()} or name == RUNNER:
        role = max(role, "operator", key=lambda each: RANK[each])
    return Caller(name, role, "socket")


def check_headquarters(caller: Caller, fix: str) -> None:
    """Let HQ itself pass: root and the runner's user, on the watch's own socket. Raises NotHeadquarters."""
    if caller.via != "socket" or caller.name not in {"root", RUNNER}:
        raise NotHeadquarters(f"{caller.name} does not tell what HQ itself tells", fix=fix)


def _login(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"
