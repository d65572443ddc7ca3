"""Bytes that come in pieces, as lines of bounded length."""

from collections.abc import Iterator

MAX_LINE = 64 * 1024
CUT = b" [cut]"


class Lines:
    """Puts pieces together to lines. What a line has beyond the bound is dropped, and said so."""

    def __init__(self, longest: int = MAX_LINE) -> None:
        """Take lines of at most that many bytes."""
        self._longest = longest
        self._rest, self._over = b"", False

    def take(self, piece: bytes) -> Iterator[bytes]:
        """The lines that a piece completes, without their ends."""
        *whole, last = piece.split(b"\n")
        for part in whole:
            self._add(part)
            yield self._line()
        self._add(last)

    def end(self) -> Iterator[bytes]:
        """What came after the last line's end, where there is something."""
        if self._rest:
            yield self._line()

    def _add(self, part: bytes) -> None:
        room = self._longest - len(self._rest)
        self._over = self._over or len(part) > room
        self._rest += part[:room]

    def _line(self) -> bytes:
        line = self._rest + (CUT if self._over else b"")
        self._rest, self._over = b"", False
        return line.removesuffix(b"\r")
