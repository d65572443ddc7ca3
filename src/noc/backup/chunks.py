"""Chunks of one node and epoch: compressed, sealed, each a file that is named by its clear content."""

import hashlib
import zlib
from collections.abc import Iterator
from pathlib import Path

from noc.backup.epoch import Epoch, Opener, seal
from noc.backup.errors import BackupDamaged, ChunkRefused
from noc.backup.files import read, write
from noc.backup.keys import chunk_name
from noc.backup.manifest import MAX_CHUNK_BYTES

MAX_SEALED_BYTES = MAX_CHUNK_BYTES + 64 * 1024
"""zlib makes incompressible content longer by at most 5 bytes in 16 KiB, age by 16 bytes in 64 KiB and a header."""


class Chunks:
    """The chunks of one epoch."""

    def __init__(self, directory: Path, key: bytes) -> None:
        """Use a directory, made with the first chunk; `key` is the one of names of this node and epoch."""
        self._directory, self._key = directory, key

    def path(self, name: str) -> Path:
        """Where a chunk lies, or would."""
        return self._directory / name[:2] / f"{name}.age"

    def keep(self, epoch: Epoch, name: str, packed: bytes) -> str:
        """Seal a chunk and put it on the disk.

        Args:
            epoch: to whose key.
            name: what the chunk has to hash to.
            packed: its content as zlib (RFC 1950).

        Returns:
            The sha256 of its file.

        Raises:
            ChunkRefused: the content is not what the name says, or too long.
            NoRoom: HQ's disk is full.
        """
        if chunk_name(self._key, unpack(packed, name)) != name:
            raise ChunkRefused(f"{epoch.node} sent another chunk than {name[:12]}", fix=f"noc provision {epoch.node}")
        sealed = seal(packed, epoch)
        write(self.path(name), sealed)
        return hashlib.sha256(sealed).hexdigest()

    def open(self, opener: Opener, name: str, size: int) -> bytes:
        """The clear content of a chunk.

        Raises:
            BackupDamaged: it is missing, was changed, or has not `size` bytes.
        """
        try:
            content = unpack(opener.open(read(self.path(name), MAX_SEALED_BYTES), f"chunk {name[:12]}"), name)
        except ChunkRefused as error:
            raise BackupDamaged(error.what) from None
        if len(content) != size or chunk_name(self._key, content) != name:
            raise BackupDamaged(f"chunk {name[:12]} holds something else")
        return content

    def digest(self, name: str) -> str | None:
        """The sha256 of a chunk's file, None where there is none, or none of a chunk's size."""
        try:
            return hashlib.sha256(read(self.path(name), MAX_SEALED_BYTES)).hexdigest()
        except BackupDamaged:
            return None

    def size(self, name: str) -> int:
        """Bytes of a chunk's file, 0 where there is none."""
        try:
            return self.path(name).stat().st_size
        except FileNotFoundError:
            return 0

    def files(self) -> Iterator[Path]:
        """Every file of the directory, temporary ones that a power cut left included."""
        return (path for path in self._directory.glob("*/*"))


def unpack(packed: bytes, name: str) -> bytes:
    """What zlib packed, at most MAX_CHUNK_BYTES of it. Raises ChunkRefused for anything else."""
    engine = zlib.decompressobj()
    try:
        content = engine.decompress(packed, MAX_CHUNK_BYTES)
    except zlib.error as error:
        raise ChunkRefused(f"chunk {name[:12]} cannot be unpacked", why=str(error)) from None
    if not engine.eof or engine.unused_data:
        raise ChunkRefused(f"chunk {name[:12]} is cut, or longer than {MAX_CHUNK_BYTES} bytes")
    return content
