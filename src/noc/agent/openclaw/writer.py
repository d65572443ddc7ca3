"""Writing a kit: what somebody edited is not overwritten unawares."""

import grp
import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import unified_diff
from pathlib import Path
from typing import Final

from noc.agent.openclaw.errors import KitEdited, UnsafePlace
from noc.agent.openclaw.kit import KitFile
from noc.agent.openclaw.places import USER
from noc.fleet.files import replace

MANIFEST: Final = ".noc-kit.json"
_OTHERS_WRITE = 0o022
_DIRECTORY = 0o755


@dataclass(frozen=True)
class Change:
    """A file that is not as it should be.

    Attributes:
        path: in the kit's directory.
        edited: it is not as a kit was written last, so that somebody has changed it, or it was there before any.
        diff: from what lies there to what should; "" where only the mode differs.
    """

    path: str
    edited: bool
    diff: str


def changes(directory: Path, wanted: Sequence[KitFile]) -> list[Change]:
    """What writing the kit would change, by path. Raises UnsafePlace."""
    check_place(directory)
    written = _manifest(directory)
    found = (_change(directory, file, written) for file in wanted)
    return [each for each in found if each is not None]


def write(directory: Path, wanted: Sequence[KitFile], *, force: bool = False) -> list[Change]:
    """Write the kit, and return what this changed.

    Args:
        directory: made where it is not there.
        wanted: the kit's files.
        force: overwrite also what somebody edited.

    Raises:
        KitEdited: something is edited, and `force` is not given; nothing is written then.
        UnsafePlace: others may write there, or it leads elsewhere.
    """
    due = changes(directory, wanted)
    if not force and (edited := [change.path for change in due if change.edited]):
        raise KitEdited(
            f"{', '.join(edited)} in {directory} would be overwritten",
            why="it is not as noc openclaw init wrote it",
            fix=f"move it away, or noc openclaw init {directory} --force",
        )
    group = _agents_group()
    _ensure_directory(directory)
    for file in (file for file in wanted if file.path in {change.path for change in due}):
        _put(directory, file, group)
    _put(directory, KitFile(MANIFEST, json.dumps({file.path: _hash(file.text) for file in wanted}, indent=2)), group)
    return due


def check_place(directory: Path) -> None:
    """Refuse a directory that others may write to, or one of its parts that is a link. Raises UnsafePlace."""
    for path in (directory, *(each for each in directory.rglob("*") if directory.is_dir())):
        if path.is_symlink():
            raise UnsafePlace(f"{path} is a link", why="it may lead anywhere", fix=f"rm {path}")
        if path.exists() and path.stat().st_mode & _OTHERS_WRITE:
            raise UnsafePlace(f"others may write to {path}", fix=f"chmod go-w {path}")
    if directory.exists() and not directory.is_dir():
        raise UnsafePlace(f"{directory} is no directory")


def _change(directory: Path, file: KitFile, written: Mapping[str, str]) -> Change | None:
    path = directory / file.path
    present = path.read_text("utf-8", errors="replace") if path.is_file() else ""
    if path.is_file() and present == file.text:
        return Change(file.path, False, "") if path.stat().st_mode & 0o777 != file.mode else None
    edited = path.exists() and written.get(file.path) != _hash(present)
    there, kit = (text.splitlines(keepends=True) for text in (present, file.text))
    return Change(file.path, edited, "".join(unified_diff(there, kit, f"{file.path} (there)", f"{file.path} (kit)")))


def _manifest(directory: Path) -> dict[str, str]:
    """What was written last: path to hash; nothing where it cannot be read, so that all counts as edited."""
    try:
        document = json.loads((directory / MANIFEST).read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return document if isinstance(document, dict) else {}


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _put(directory: Path, file: KitFile, group: int | None) -> None:
    path = directory / file.path
    for parent in reversed(path.relative_to(directory).parents[:-1]):
        _ensure_directory(directory / parent)
    replace(path, file.text, mode=file.mode)
    if group is not None:
        os.chown(path, 0, group)


def _ensure_directory(path: Path) -> None:
    path.mkdir(parents=True, exist_ok=True)
    path.chmod(_DIRECTORY)


def _agents_group() -> int | None:
    """The agent's group, for root on a machine that has it: files are root's then, and the agent may read them."""
    if os.geteuid() != 0:
        return None
    try:
        return grp.getgrnam(USER).gr_gid
    except KeyError:
        return None
