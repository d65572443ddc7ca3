"""Where a database is cut into chunks: by what its pages say, so that an edit changes only the chunks around it.

A page ends a chunk where its keyed hash has its low bits zero: wherever the same pages stand again, they are cut in the
same places, however much was inserted before them (content-defined chunking, as LBFS and restic do it, at the grain at
which SQLite writes). The key keeps the sizes of chunks from telling which known pages they hold.
"""

import hashlib
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

MEAN, COARSEST = 64 * 1024, 256 * 1024
"""Bytes of a chunk on average, as its database is small or large: a fine grain sends less, a coarse one names less."""
MANY = 4096
"""So many chunks or more make the grain coarser."""
_HASH_BYTES = 8


class Pages(NamedTuple):
    """How many pages a chunk has at least and at most; one in `mean` ends it in between."""

    least: int
    mean: int
    most: int

    @classmethod
    def of(cls, page_size: int, size: int) -> "Pages":
        """For a database of `size` bytes in pages of `page_size`, a power of two from 512 to 65536.

        With pages of 4 KiB: 4, 16 and 64 up to 256 MiB; 8, 32 and 128 up to 512 MiB; 16, 64 and 256 from there on.
        """
        mean = MEAN
        while mean < COARSEST and size > MANY * mean:
            mean *= 2
        return cls(max(mean // 4 // page_size, 1), mean // page_size, 4 * mean // page_size)


def cut(source: BinaryIO, page_size: int, size: int, key: bytes) -> Iterator[bytes]:
    """The chunks of a database of `size` bytes, in order; together they are all of it. None is longer than 1 MiB."""
    pages = Pages.of(page_size, size)
    chunk = bytearray()
    count = 0
    while page := source.read(page_size):
        chunk += page
        count += 1
        if count >= pages.least and (count >= pages.most or _ends(page, pages.mean, key)):
            yield bytes(chunk)
            chunk.clear()
            count = 0
    if chunk:
        yield bytes(chunk)


def _ends(page: bytes, mean: int, key: bytes) -> bool:
    digest = hashlib.blake2b(page, digest_size=_HASH_BYTES, key=key, person=b"noc cut").digest()
    return int.from_bytes(digest, "big") & (mean - 1) == 0
