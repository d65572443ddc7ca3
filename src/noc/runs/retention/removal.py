"""Removing: one rename hides a thing from everybody, whatever it holds goes after that; what was cut is ended later."""

import shutil
from collections.abc import Iterable
from pathlib import Path

from noc.runs.retention.errors import NotRemoved

_HIDDEN = ".removing-"


def remove(directory: Path, names: Iterable[str]) -> None:
    """Remove things from a directory, and what an earlier removal left there.

    Args:
        directory: that of the runs, the releases or the backups.
        names: entries of it.

    Raises:
        NotRemoved: at least one could not be removed; the others are.
    """
    failed = []
    for name in names:
        try:
            (directory / name).rename(directory / f"{_HIDDEN}{name}")
        except OSError as error:
            failed.append((name, error.strerror or str(error)))
    for left in directory.glob(f"{_HIDDEN}*"):
        try:
            shutil.rmtree(left) if left.is_dir() and not left.is_symlink() else left.unlink()
        except OSError as error:
            failed.append((left.name, error.strerror or str(error)))
    if failed:
        what = f"{len(failed)} things in {directory} could not be removed"
        raise NotRemoved(what, why="; ".join(f"{name}: {why}" for name, why in failed[:3]), fix=f"ls -la {directory}")
