"""A backup of HQ as a stream: a tar of ustar headers, gzip, age; written in one pass, in memory that does not grow."""

import errno
import gzip
import hashlib
import io
import os
import sqlite3
import stat
import tarfile
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from noc.hub.backup_manifest import LONGEST_NAME, NAME, Manifest, Member
from noc.hub.backup_trees import Tree, members
from noc.hub.errors import BackupFailed, NoRecipients

_PAGES = 1024
_LEVEL = 6


class Digesting(io.RawIOBase):
    """Reads at most so many bytes of a file, and knows the hash of what it has read."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        """Read `size` bytes of an open file."""
        self._file, self._left = file, size
        self._hash = hashlib.sha256()

    def read(self, size: int = -1, /) -> bytes:
        """The next bytes; fewer than asked for at the end."""
        block = self._file.read(self._left if size < 0 else min(size, self._left))
        self._left -= len(block)
        self._hash.update(block)
        return block

    @property
    def sha256(self) -> str:
        """Of what was read so far, hexadecimal."""
        return self._hash.hexdigest()


class Archive:
    """Writes members to a stream, and remembers what it wrote.

    Args:
        stream: where the gzipped tar goes.
        at: the time that every member carries.
    """

    def __init__(self, stream: BinaryIO, at: datetime) -> None:
        self._gzip = gzip.GzipFile(fileobj=stream, mode="wb", compresslevel=_LEVEL, mtime=0)
        self._tar = tarfile.TarFile(fileobj=self._gzip, mode="w", format=tarfile.USTAR_FORMAT)
        self._at = int(at.timestamp())
        self.members: dict[str, Member] = {}

    def add(self, name: str, path: Path) -> None:
        """Add a file or a directory; a file that is gone by now is left out.

        Raises:
            BackupFailed: it became shorter while it was read, or its name is too long.
        """
        try:
            handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
        except FileNotFoundError:
            return
        info, status = self._info(name), os.fstat(handle)
        info.mode = status.st_mode & 0o777
        if stat.S_ISDIR(status.st_mode):
            os.close(handle)
            info.type = tarfile.DIRTYPE
            self._tar.addfile(info)
            return
        with os.fdopen(handle, "rb") as file:
            info.size = status.st_size
            reader = Digesting(file, status.st_size)
            try:
                self._tar.addfile(info, reader)
            except OSError as error:
                if error.errno is not None:
                    raise
                raise BackupFailed(f"{path} became shorter while it was read", fix="give the command again") from None
        self.members[name] = Member(size=info.size, sha256=reader.sha256)

    def close(self, manifest: Manifest) -> None:
        """Add the list, and end the stream; what is below it stays open."""
        text = manifest.model_dump_json().encode()
        info = self._info(NAME)
        info.size = len(text)
        self._tar.addfile(info, io.BytesIO(text))
        self._tar.close()
        self._gzip.close()

    def _info(self, name: str) -> tarfile.TarInfo:
        if len(name.encode()) > LONGEST_NAME:
            raise BackupFailed(f"{name[:80]}… has too long a name to be kept", fix="give it a shorter one")
        info = tarfile.TarInfo(name)
        info.mode, info.mtime = 0o600, self._at
        return info


def write(
    stream: BinaryIO,
    trees: Iterable[Tree],
    databases: Mapping[str, Path],
    about: Callable[[dict[str, Member]], Manifest],
    at: datetime,
) -> Manifest:
    """Write a backup.

    Args:
        stream: where it goes.
        trees: what is taken.
        databases: whole copies of those that are in use, by their names in the archive.
        about: makes the list of what was written.
        at: the backup's time.

    Raises:
        BackupFailed: see `Archive.add`.
    """
    archive = Archive(stream, at)
    for tree in trees:
        for name, path in members(tree):
            archive.add(name, path)
    for name, copy in databases.items():
        archive.add(name, copy)
    manifest = about(archive.members)
    archive.close(manifest)
    return manifest


@contextmanager
def database_copy(source: Path, copy: Path) -> Iterator[Path | None]:
    """A whole copy of a database that is in use, checked; gone when the body ends. None where there is no database.

    SQLite's online backup (sqlite.org/backup.html): writers go on meanwhile.

    Raises:
        BackupFailed: it cannot be read, the disk is full, or the copy does not pass `PRAGMA integrity_check`.
    """
    if not source.is_file():
        yield None
        return
    copy.unlink(missing_ok=True)
    try:
        try:
            _copy(source, copy)
        except sqlite3.Error as error:
            raise BackupFailed(f"{source.name} was not copied", why=str(error), fix="df -h /var/lib") from None
        yield copy
    finally:
        copy.unlink(missing_ok=True)


def _copy(source: Path, copy: Path) -> None:
    os.close(os.open(copy, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    with (
        closing(sqlite3.connect(f"{source.as_uri()}?mode=ro", uri=True, timeout=30)) as live,
        closing(sqlite3.connect(copy)) as into,
    ):
        live.backup(into, pages=_PAGES, sleep=0.01)
        into.execute("PRAGMA journal_mode=DELETE")
        (found,) = into.execute("PRAGMA integrity_check").fetchone()
    if found != "ok":
        raise BackupFailed(f"{source.name} does not pass its check", why=str(found)[:300], fix="noc explain E841")


def recipients(path: Path) -> list[object]:
    """The age recipients of a file, one a line, `#` for notes. Raises NoRecipients."""
    from pyrage import RecipientError, x25519  # noqa: PLC0415 - compiled

    try:
        lines = [line.strip() for line in path.read_text().splitlines()]
        found = [x25519.Recipient.from_str(line) for line in lines if line and not line.startswith("#")]
    except (OSError, UnicodeDecodeError, RecipientError) as error:
        raise NoRecipients(f"{path} cannot be read", why=str(error), fix="noc hub install --trust DIR") from None
    if not found:
        raise NoRecipients(f"{path} names nobody", fix="noc hub install --trust DIR")
    return found


def sealed(path: Path, to: Sequence[object], produce: Callable[[BinaryIO], Manifest]) -> Manifest:
    """Write a file that only its recipients can open, while it is produced: nothing lies on the disk in the clear.

    Args:
        path: the file, made with mode 0600; there only when it is whole and on the disk.
        to: its recipients.
        produce: writes the content to a stream; called in a thread.

    Raises:
        BackupFailed: the disk is full, or does not take it; and what `produce` raises.
    """
    from pyrage import EncryptError, encrypt_io  # noqa: PLC0415 - compiled

    part = path.with_name(f"{path.name}.part")
    part.unlink(missing_ok=True)
    producer = _Producer(produce)
    try:
        try:
            with open(part, "xb", opener=_private) as file, producer.reading() as reader:
                encrypt_io(reader, file, to)
                file.flush()
                os.fsync(file.fileno())
        except (EncryptError, OSError) as error:
            raise _unwritable(path, error) from None
        manifest = producer.result()
        part.rename(path)
    finally:
        part.unlink(missing_ok=True)
    return manifest


def _unwritable(path: Path, error: Exception) -> BackupFailed:
    full = getattr(error, "errno", None) == errno.ENOSPC or os.strerror(errno.ENOSPC) in str(error)
    why = f"the disk of {path.parent} is full" if full else str(error)
    return BackupFailed("the backup was not written", why=why, fix=f"df -h {path.parent}; noc prune shows what may go")


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


class _Producer:
    """Lets a function write into a pipe, in a thread of its own."""

    def __init__(self, produce: Callable[[BinaryIO], Manifest]) -> None:
        self._produce = produce
        self._made: Manifest | None = None
        self._error: BaseException | None = None

    @contextmanager
    def reading(self) -> Iterator[BinaryIO]:
        """The pipe's other end; a reader that stops early stops the writer."""
        out, into = os.pipe()
        thread = threading.Thread(target=self._run, args=(into,), name="backup")
        thread.start()
        try:
            with os.fdopen(out, "rb") as reader:
                yield reader
        finally:
            thread.join()

    def _run(self, into: int) -> None:
        try:
            with suppress(BrokenPipeError), os.fdopen(into, "wb") as stream:
                self._made = self._produce(stream)
        except BaseException as error:  # noqa: BLE001 - raised where it is waited for
            self._error = error

    def result(self) -> Manifest:
        """What the function made, or raised."""
        if self._error is not None:
            raise self._error
        if self._made is None:
            raise BackupFailed("the backup was not written", why="its reader went away")
        return self._made
