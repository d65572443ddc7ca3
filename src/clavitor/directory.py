"""The fleet's directory: which tenant lives on which node, looked up where it lies and never loaded.

HQ signs it; root's program on the node verifies that signature before it puts the files where they lie. What is
checked here is that they are whole: the lines are those that the head names by their hash. A line has 38 bytes and the
lines are sorted, so a tenant is found by bisection, with some twenty reads in a million. They are reads and no mapping:
where the disk fails or the file shrinks, a read raises an error, and a mapping would end the process.
"""

import hashlib
import json
import os
import re
from bisect import bisect_left
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clavitor.errors import DirectoryError
from clavitor.tenants import ID_DIGITS

HEAD = "head.json"
FORMAT = 1
LINE_BYTES = ID_DIGITS + len(" 0000\n")
CHUNK_LINES = 1700  # some 64 KiB
MAX_HEAD, MAX_NODES, MAX_TENANTS = 1 << 20, 2_048, 1_000_000
LAST_SECOND = 253_402_300_799  # of the year 9999
DOMAIN = re.compile(r"[a-z0-9.-]{1,253}")
SHA256 = re.compile(r"[0-9a-f]{64}")
GROUP = re.compile(r"[A-Za-z0-9-]{1,32}")


@dataclass(frozen=True, slots=True)
class Node:
    """A node as the directory names it.

    `open` says whether it takes new tenants; `groups` are its country and groups of countries; `place` is its latitude
    and longitude in degrees.
    """

    name: str
    url: str
    open: bool
    groups: tuple[str, ...]
    place: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Head:
    """What HQ signed; `until` in seconds since 1970, the time up to which it is proven to be the newest."""

    domain: str
    version: int
    count: int
    sha256: str
    until: float
    nodes: tuple[Node, ...]


class Directory:
    """A directory that was found whole. Not for two threads at once.

    Args:
        head: of these lines.
        lines: descriptor of the file that holds them; closed by `close`.
        homes: positions of the nodes on which somebody lives, in rising order.
    """

    def __init__(self, head: Head, lines: int, homes: tuple[int, ...]) -> None:
        self.head, self.homes = head, homes
        self._lines = lines

    def find(self, tenant: str) -> int | None:
        """The position of a tenant's node; None for one who is not there.

        Raises:
            DirectoryError: the lines are not what they were when they were checked.
        """
        wanted = tenant.encode()
        at = bisect_left(range(self.head.count), wanted, key=lambda number: self._line(number)[:ID_DIGITS])
        line = self._line(min(at, self.head.count - 1)) if self.head.count else b""
        if line[:ID_DIGITS] != wanted:
            return None
        position = line[ID_DIGITS + 1 : -1]
        if not position.isdigit() or int(position) >= len(self.head.nodes):
            raise DirectoryError("a line names a node that there is not")
        return int(position)

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._lines)

    def _line(self, number: int) -> bytes:
        try:
            line = os.pread(self._lines, LINE_BYTES, number * LINE_BYTES)
        except OSError as error:
            raise DirectoryError(f"its lines cannot be read: {error.strerror}") from error
        if len(line) != LINE_BYTES:
            raise DirectoryError("its lines have become fewer")
        return line


def open_directory(path: Path) -> Directory:
    """Open the directory that lies in `path`, and read all of its lines once, to see that they are whole.

    Args:
        path: the folder that holds `head.json` and the lines, `tenants-VERSION`.

    Raises:
        DirectoryError: there is none, or it is not whole; the text says why.
    """
    try:
        with (path / HEAD).open("rb") as file:
            head = parse_head(file.read(MAX_HEAD + 1))
        return _open(head, path / f"tenants-{head.version}")
    except OSError as error:
        raise DirectoryError(f"{error.filename or path}: {error.strerror}") from error


def _open(head: Head, path: Path) -> Directory:
    lines = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        return Directory(head, lines, _examine(head, lines))
    except BaseException:
        os.close(lines)
        raise


def parse_head(content: bytes) -> Head:
    """Read a head.

    Raises:
        DirectoryError: it is larger than any, of a format that this release does not know, or incomplete.
    """
    if len(content) > MAX_HEAD:
        raise DirectoryError("its head is too large")
    try:
        said = json.loads(content)
        if said["format"] != FORMAT:
            raise DirectoryError(f"its format is {said['format']!r:.20}, and this release knows {FORMAT}")
        nodes = tuple(_node(each) for each in said["nodes"])
        version, count, until = int(said["version"]), int(said["count"]), float(said["until"])
        head = Head(_text(said["domain"], DOMAIN), version, count, _text(said["sha256"], SHA256), until, nodes)
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        raise DirectoryError(f"its head is incomplete: {error!r:.80}") from None
    bounds = 0 <= head.count <= MAX_TENANTS and 0 < len(nodes) <= MAX_NODES and 0 <= until <= LAST_SECOND
    if head.version < 1 or not bounds:
        raise DirectoryError("its head is beyond what a directory may hold")
    return head


def _node(said: dict[str, Any]) -> Node:
    url = str(said["url"])
    _text(url.removeprefix("https://"), DOMAIN)
    if not url.startswith("https://"):
        raise ValueError("a node's url begins with https://")
    groups = tuple(_text(group, GROUP) for group in said["groups"])
    place = float(said["latitude"]), float(said["longitude"])
    return Node(_text(said["name"], DOMAIN), url, said["open"] is True, groups, place)


def _text(value: object, pattern: re.Pattern[str]) -> str:
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise ValueError("a text is not what it should be")
    return value


def _examine(head: Head, lines: int) -> tuple[int, ...]:
    """Read all lines, hold them against the head, and return the positions of the nodes on which somebody lives."""
    size = os.fstat(lines).st_size
    if size != head.count * LINE_BYTES:
        raise DirectoryError(f"its lines have {size} bytes, and its head says {head.count * LINE_BYTES}")
    digest = hashlib.sha256()
    homes: set[tuple[int, ...]] = set()
    for at in range(0, size, CHUNK_LINES * LINE_BYTES):
        piece = os.pread(lines, CHUNK_LINES * LINE_BYTES, at)
        digest.update(piece)
        homes.update(zip(*(piece[ID_DIGITS + digit :: LINE_BYTES] for digit in (1, 2, 3, 4)), strict=False))
    if digest.hexdigest() != head.sha256:
        raise DirectoryError("its lines are not those that its head names")
    try:
        positions = sorted(int(bytes(digits)) for digits in homes)
    except ValueError:
        raise DirectoryError("its lines are not made as this release reads them") from None
    if positions and positions[-1] >= len(head.nodes):
        raise DirectoryError("a line names a node that its head does not have")
    return tuple(positions)
