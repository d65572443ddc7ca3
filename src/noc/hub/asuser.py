"""Doing something as another user, so that root never writes where others may."""

import grp
import os
import pwd
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


def run_as(user: str, group: str, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Call a function in a child process that has become another user for good.

    Args:
        user, group: names; the child has no other groups.
        function: its result, or what it raises, comes back to the caller.
    """
    ids = pwd.getpwnam(user).pw_uid, grp.getgrnam(group).gr_gid
    with ProcessPoolExecutor(1, get_context("fork"), _become, ids) as child:
        return child.submit(function, *args, **kwargs).result()


def _become(uid: int, gid: int) -> None:
    os.setgroups([])
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)
    os.umask(0o027)
