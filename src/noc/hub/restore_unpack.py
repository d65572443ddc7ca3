"""Reading a backup of HQ: everything that it says is hostile until the whole of it was read and compared."""

import gzip
import hashlib
import os
import shutil
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Self

from pydantic import ValidationError

from noc.hub.backup_manifest import LONGEST_NAME, MAX_MANIFEST_BYTES, MOST_MEMBERS, NAME, Manifest, Member
from noc.hub.backup_trees import TREES
from noc.hub.errors import ArchiveDamaged, BadArchive
from noc.hub.second import BLOCK

_KNOWN = frozenset(tree.name for tree in TREES)
_MARGIN = 256 << 20
"""Bytes of the disk that stay free."""
_OLDER = "give an older backup: noc hub backup list names them"


class _Plain(tarfile.TarInfo):
    """A header of a file or a directory. Any other kind is refused before a byte behind it is read."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        """Read one header. Raises BadArchive."""
        info = super().frombuf(buf, encoding, errors)
        if info.type not in (tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.DIRTYPE):
            raise BadArchive("this is no backup of an HQ", why=f"it holds a member of type {info.type!r}")
        return info


def unpack(stream: BinaryIO, into: Path) -> Manifest:
    """Write the files of a backup into an empty directory of ours, and compare each with the backup's list.

    Args:
        stream: the opened backup, a gzipped tar; read to its end.
        into: there, empty, and open to us alone.

    Returns:
        The list; exactly what it names lies in the directory, with the modes that it had.

    Raises:
        BadArchive: it holds something that no backup holds.
        ArchiveDamaged: it ends early, or a file is another than the list says.
        OSError: the disk is full.
    """
    found: dict[str, Member] = {}
    manifest = None
    room = shutil.disk_usage(into).free - _MARGIN
    try:
        with (
            gzip.GzipFile(fileobj=stream, mode="rb") as clear,
            tarfile.open(fileobj=clear, mode="r|", tarinfo=_Plain) as tar,
        ):
            for info in _bounded(tar, room):
                if manifest is not None:
                    raise _bad("it goes on after its list")
                if info.name == NAME and info.isreg():
                    manifest = _manifest(tar, info)
                elif (written := _write(tar, info, into)) is not None:
                    found[info.name] = written
            _drain(clear)
    except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile) as error:
        why = str(error) or type(error).__name__
        raise ArchiveDamaged("the backup cannot be read to its end", why=why, fix=_OLDER) from None
    return _compared(manifest, found)


def _bounded(tar: tarfile.TarFile, room: int) -> Iterator[tarfile.TarInfo]:
    """The headers, as long as their number and their sizes are what a backup may have."""
    total = 0
    for number, info in enumerate(tar):
        total += max(info.size, 0)
        if number > 2 * MOST_MEMBERS:
            raise _bad("it holds too many members")
        if total > room:
            why = f"it holds more than {total >> 20} MiB, {max(room, 0) >> 20} MiB are free"
            raise ArchiveDamaged("the backup does not fit on this disk", why=why, fix="take a larger machine")
        yield info
        # A stream is read once; tarfile would remember every header of it.
        tar.members.clear()  # type: ignore[attr-defined]


def _write(tar: tarfile.TarFile, info: tarfile.TarInfo, into: Path) -> Member | None:
    """Write one member; None for a directory. Nothing that is there is ever opened, so that no name leads elsewhere."""
    path = into / _safe(info.name)
    try:
        if info.isdir():
            path.mkdir(mode=0o700)
            path.chmod(info.mode & 0o777 | 0o700)
            return None
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600), "wb") as file:
            digest, content = hashlib.sha256(), tar.extractfile(info)
            assert content is not None
            while block := content.read(BLOCK):
                digest.update(block)
                file.write(block)
    except (FileExistsError, FileNotFoundError, NotADirectoryError):
        raise _bad(f"{_shown(info.name)} stands twice in it, or outside of its directory") from None
    path.chmod(info.mode & 0o777 | 0o400)
    return Member(size=info.size, sha256=digest.hexdigest())


def _safe(name: str) -> str:
    parts = name.split("/")
    wrong = any(part in ("", ".", "..") or "\0" in part for part in parts)
    if wrong or parts[0] not in _KNOWN or len(name.encode(errors="surrogateescape")) > LONGEST_NAME:
        raise _bad(f"{_shown(name)} is nothing that HQ has")
    return name


def _manifest(tar: tarfile.TarFile, info: tarfile.TarInfo) -> Manifest:
    content = tar.extractfile(info)
    if info.size > MAX_MANIFEST_BYTES or content is None:
        raise _bad("its list is too large")
    try:
        return Manifest.model_validate_json(content.read())
    except ValidationError as error:
        raise _bad(f"its list cannot be understood: {error.errors()[0]['msg']}") from None


def _drain(clear: gzip.GzipFile) -> None:
    """Read what a tar is padded with: the check of the whole stands behind it."""
    left = 1 << 20
    while block := clear.read(BLOCK):
        left -= len(block)
        if left < 0 or block.strip(b"\0"):
            raise _bad("something follows its end")


def _compared(manifest: Manifest | None, found: dict[str, Member]) -> Manifest:
    if manifest is None:
        raise ArchiveDamaged("the backup ends too early", why="its list is missing", fix=_OLDER)
    if found.keys() != manifest.members.keys():
        raise _bad("it holds other files than its list names")
    if wrong := sorted(name for name, member in found.items() if member != manifest.members[name]):
        why = f"{_shown(wrong[0])} is not what the list says" + (f", nor {len(wrong) - 1} more" if wrong[1:] else "")
        raise ArchiveDamaged("the backup is damaged", why=why, fix=_OLDER)
    return manifest


def _bad(why: str) -> BadArchive:
    return BadArchive("this is no backup of an HQ", why=why, fix="noc unlock <FILE | noc hub restore -")


def _shown(name: str) -> str:
    return "".join(char if char.isprintable() else "?" for char in name[:80])
