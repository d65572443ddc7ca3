"""Doing something as another user, so that root never writes where others may."""

import grp
import os
import pwd
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


def run_as(user: str, group: str, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Call a function in a child process that has become another user for good.

    Args:
        user, group: names; the child has no other groups.
        function: its result, or what it raises, comes back to the caller.
    """
    return _call((pwd.getpwnam(user).pw_uid, grp.getgrnam(group).gr_gid), function, *args, **kwargs)


def run_as_owner(directory: Path, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Call a function as the owner of the directory that it writes to; right here where that is root, or we are not.

    Args:
        directory: where there is none yet, the nearest one above it counts.
        function: as for `run_as`.
    """
    status = next(path for path in (directory, *directory.absolute().parents) if path.exists()).stat()
    if os.geteuid() != 0 or status.st_uid == 0:
        return function(*args, **kwargs)
    return _call((status.st_uid, status.st_gid), function, *args, **kwargs)


def _call(ids: tuple[int, int], function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    with ProcessPoolExecutor(1, get_context("fork"), _become, ids) as child:
        return child.submit(function, *args, **kwargs).result()


def _become(uid: int, gid: int) -> None:
    os.setgroups([])
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)
    os.umask(0o027)
