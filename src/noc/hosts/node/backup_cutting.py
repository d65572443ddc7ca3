"""Where a database is cut into chunks: by what its pages say, so that an edit changes only the chunks around it.

A page ends a chunk where its keyed hash has its low bits zero: wherever the same pages stand again, they are cut in the
same places, however much was inserted before them (content-defined chunking, as LBFS and restic do it, at the grain at
which SQLite writes). The key keeps the sizes of chunks from telling which known pages they hold.
"""

import hashlib
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

LEAST, MEAN, MOST = 64 * 1024, 256 * 1024, 1024 * 1024
"""Bytes of a chunk: 16, 64 beyond that on average, and at most 256 pages of 4 KiB. The last may be shorter."""
_HASH_BYTES = 8


class Pages(NamedTuple):
    """How many pages a chunk has at least and at most; one in `mean` ends it in between."""

    least: int
    mean: int
    most: int

    @classmethod
    def of(cls, page_size: int) -> "Pages":
        """For pages of a size in bytes, a power of two from 512 to 65536."""
        return cls(LEAST // page_size, MEAN // page_size, MOST // page_size)


def cut(source: BinaryIO, page_size: int, key: bytes) -> Iterator[bytes]:
    """The chunks of a database, in order; together they are all of it. None is longer than MOST."""
    pages = Pages.of(page_size)
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
