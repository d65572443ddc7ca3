"""One change of configuration: saved, applied, kept or undone; a power cut at any moment leaves a way back.

A release is a link that flips; a configuration is many files, and a running system that has read them. What will
change is saved first, with a list that is written last; from then on `undo` leads back from wherever a change was cut.
Files are replaced by renaming: new ones first, then those that may name them, and only then are old ones removed, so
that whatever runs in between finds all that it needs.

On NixOS the files are few, and the system is one closure: tried with `switch-to-configuration test`, kept as the
profile that boots, and only then are generations older than the one before it given up.
"""

import contextlib
import errno
import os
import shutil
from collections.abc import Callable, Container, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from .actions import BOOTING, actions_for, running_system, take, take_all
from .layout import Layout
from .service import Unproven
from .state import Refused, read_json, sync_directory, write_json
from .wanted import BOOTING_SYSTEM, PROGRAMS, RUNNING_SYSTEM, Lying, Wanted, look, obsolete, place, read_wanted

BEFORE, IN_FORCE = "config-before", "config.json"
KEEP_CONFIGS = 5


class Saved(NamedTuple):
    """What stood before a change.

    Attributes:
        created: paths where nothing lay.
        replaced, removed: paths whose files are saved, in this order, under their number.
        modes: permission bits of the saved files.
        owners: user and group of the saved files.
        directories: those that had to be made, outermost first.
        system, profile: on NixOS, the system that ran and the one that booted.
    """

    created: Sequence[str] = ()
    replaced: Sequence[str] = ()
    removed: Sequence[str] = ()
    modes: Sequence[int] = ()
    owners: Sequence[Sequence[int]] = ()
    directories: Sequence[str] = ()
    system: str | None = None
    profile: str | None = None

    @property
    def paths(self) -> list[str]:
        """All paths that the change touches."""
        return [*self.created, *self.replaced, *self.removed]


def _differs(there: Lying, wanted: Lying | None) -> bool:
    return wanted is None or (there.mode, there.content) != (wanted.mode, wanted.content)


def in_force(layout: Layout) -> str | None:
    """The configuration that was confirmed last, None where none ever was."""
    return (read_json(layout, IN_FORCE) or {}).get("sha")


def save(layout: Layout, run: str, sha: str) -> None:
    """Save what will change. Raises Refused where the configuration is not one for this node; nothing was changed."""
    wanted = read_wanted(layout, sha)
    forget(layout)
    before = layout.state(f"{BEFORE}/{run}")
    before.mkdir(mode=0o700, parents=True)
    lying = {path: look(layout, path) for path in (*wanted.files, *obsolete(layout, wanted.files))}
    created = [path for path, there in lying.items() if there is None and path in wanted.files]
    old = {path: there for path, there in lying.items() if there and _differs(there, wanted.files.get(path))}
    for number, there in enumerate(old.values()):
        write_file(before / str(number), Lying(0o600, there.content))
    document = Saved(
        created=created,
        replaced=[path for path in old if path in wanted.files],
        removed=[path for path in old if path not in wanted.files],
        modes=[there.mode for there in old.values()],
        owners=[there.owner or (0, 0) for there in old.values()],
        directories=_missing_directories(layout, created),
        system=running_system(layout, RUNNING_SYSTEM),
        profile=running_system(layout, BOOTING_SYSTEM),
    )
    write_json(layout, f"{BEFORE}/{run}/saved.json", document._asdict())
    sync_directory(before.parent)
    sync_directory(before.parent.parent)


def apply(layout: Layout, run: str, sha: str) -> None:
    """Make the node what the configuration says. Raises Unproven where that fails half-way: it is to be undone then."""
    saved = _read_saved(layout, run)
    try:
        wanted = read_wanted(layout, sha)
        _change_files(layout, wanted, saved)
    except Refused as no:
        raise Unproven(str(no)) from None
    if wanted.closure and wanted.closure != saved.system:
        take(layout, "system-test", _in_root(layout, wanted.closure))
    for action in actions_for(saved.paths):
        take(layout, action)


def _change_files(layout: Layout, wanted: Wanted, saved: Saved) -> None:
    for directory in saved.directories:
        _make_directory(layout.path(directory.lstrip("/")))
    for path in (*saved.created, *saved.replaced):
        _prepare(layout, path, wanted.files[path])
    _swap(layout, saved.created)
    _swap(layout, saved.replaced)
    _remove(layout, saved.removed)


def undo(layout: Layout, run: str) -> None:
    """Put everything back as it was, and let the system run by it. Raises Unproven with all that did not work."""
    saved, troubles = _read_saved(layout, run), []
    try:
        put_back(layout, run)
    except (OSError, Refused) as error:
        troubles.append(f"{type(error).__name__}: {error}")
    if saved.system and running_system(layout, RUNNING_SYSTEM) != saved.system:
        troubles += take_all(layout, ("system-test",), _in_root(layout, saved.system))
    if saved.profile and running_system(layout, BOOTING_SYSTEM) != saved.profile:
        troubles += take_all(layout, ("system-profile", "system-boot"), _in_root(layout, saved.profile))
    troubles += take_all(layout, actions_for(saved.paths))
    if troubles:
        raise Unproven("; ".join(troubles))


def undo_at_boot(layout: Layout, run: str) -> None:
    """Put the files back before anything reads them. What does not work is left to `undo`, once the system is up."""
    with contextlib.suppress(OSError, Refused):
        put_back(layout, run)
    take_all(layout, [action for action in actions_for(_read_saved(layout, run).paths) if action in BOOTING])


def put_back(layout: Layout, run: str) -> None:
    """Put every file back that was saved, and remove what was not there; may be cut and done again."""
    saved = _read_saved(layout, run)
    for path in saved.paths:
        _beside(place(layout, path)).unlink(missing_ok=True)
    lying = _saved_files(layout, run, saved)
    for path in (*saved.removed, *saved.replaced):
        # One after the other: each that returns makes room for the next, should the disk be full.
        if look(layout, path) != lying[path]:
            _prepare(layout, path, lying[path])
            _swap(layout, [path])
    _remove(layout, saved.created)
    for directory in reversed(saved.directories):
        made = layout.path(directory.lstrip("/"))
        with contextlib.suppress(OSError):
            made.rmdir()
            sync_directory(made.parent)


def keep(layout: Layout, sha: str) -> None:
    """Make a configuration the one in force. Raises Unproven where NixOS would not boot by it."""
    wanted = read_wanted(layout, sha)
    if wanted.closure:
        for action in ("system-profile", "system-boot"):
            take(layout, action, _in_root(layout, wanted.closure))
        # What cannot be pruned now is pruned the next time, or by the weekly collection.
        take_all(layout, ("system-prune",))
    at = datetime.now(UTC).isoformat(timespec="milliseconds")
    before = in_force(layout)
    write_json(layout, IN_FORCE, {"sha": sha, "at": at, "paths": sorted(wanted.files)})
    _prune_staged(layout, {sha, before})


def runs(layout: Layout, sha: str) -> bool:
    """Whether the system of a configuration is the one that runs: after a reboot on trial it is the one from before."""
    closure = read_wanted(layout, sha).closure
    return closure is None or running_system(layout, RUNNING_SYSTEM) == closure


def forget(layout: Layout) -> None:
    """Drop what was saved, and programs that are out of use; called when nothing is open any more."""
    shutil.rmtree(layout.state(BEFORE), ignore_errors=True)
    launcher = layout.path(PROGRAMS.strip("/")) / "activator.py"
    with contextlib.suppress(FileNotFoundError):
        named = launcher.read_text()
        parts = sorted(launcher.parent.glob("parts-*"), key=lambda path: path.stat().st_mtime)
        # One generation stays, for sessions that began with it.
        for path in [path for path in parts if path.name not in named][:-1]:
            shutil.rmtree(path, ignore_errors=True)


def _read_saved(layout: Layout, run: str) -> Saved:
    said = read_json(layout, f"{BEFORE}/{run}/saved.json")
    return Saved(**said) if said else Saved()


def _saved_files(layout: Layout, run: str, saved: Saved) -> dict[str, Lying]:
    paths = (*saved.replaced, *saved.removed)
    contents = (layout.state(f"{BEFORE}/{run}/{number}").read_bytes() for number in range(len(paths)))
    rows = zip(paths, saved.modes, contents, saved.owners, strict=True)
    return {path: Lying(mode, content, (owner[0], owner[1])) for path, mode, content, owner in rows}


def _missing_directories(layout: Layout, paths: Iterable[str]) -> list[str]:
    """Directories above some paths that are not there, outermost first."""
    parents = {str(parent) for path in paths for parent in Path(path).parents}
    return sorted(parent for parent in parents if not layout.path(parent.lstrip("/")).exists())


def _make_directory(path: Path) -> None:
    path.mkdir(mode=0o755, exist_ok=True)
    path.chmod(0o755)
    sync_directory(path.parent)


def _prepare(layout: Layout, path: str, lying: Lying) -> None:
    """Write a file beside its place, durably. On a full disk the ballast is given up for it."""
    beside = _beside(place(layout, path))
    try:
        write_file(beside, lying)
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        layout.state("ballast").unlink(missing_ok=True)
        write_file(beside, lying)


def write_file(path: Path, lying: Lying) -> None:
    """Write a file with its mode and owner, and see it on the disk; it is never open to others before that."""
    path.unlink(missing_ok=True)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:  # noqa: PTH123 - a descriptor
        file.write(lying.content)
        if lying.owner:
            os.fchown(file.fileno(), *lying.owner)
        os.fchmod(file.fileno(), lying.mode)
        file.flush()
        os.fsync(file.fileno())


def _swap(layout: Layout, paths: Iterable[str]) -> None:
    """Let what was prepared take its place, durably."""
    _each(layout, paths, lambda path: _beside(path).replace(path))


def _remove(layout: Layout, paths: Iterable[str]) -> None:
    _each(layout, paths, lambda path: path.unlink(missing_ok=True))


def _each(layout: Layout, paths: Iterable[str], act: Callable[[Path], object]) -> None:
    places = [place(layout, path) for path in paths]
    there = [path for path in places if path.parent.exists()]
    for path in there:
        act(path)
    for directory in {path.parent for path in there}:
        sync_directory(directory)


def _beside(path: Path) -> Path:
    """Where a file is prepared: hidden, so that no program takes it for one of its own."""
    return path.with_name(f".{path.name}.noc-new")


def _in_root(layout: Layout, path: str) -> str:
    return str(layout.path(path.lstrip("/")))


def _prune_staged(layout: Layout, keep: Container[str | None]) -> None:
    staged = sorted(layout.state("configs").glob("*.json"), key=lambda path: path.stat().st_mtime, reverse=True)
    for path in staged[KEEP_CONFIGS:]:
        if path.stem not in keep:
            path.unlink(missing_ok=True)
