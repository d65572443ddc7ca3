"""Which pushes were counted already: a retry carries the process and the number of the first try."""

from typing import Final

KNOWN: Final = 64


class Retries:
    """The last pushes of one node by process and number."""

    __slots__ = ("_counted",)

    def __init__(self) -> None:
        """Nothing was counted yet."""
        self._counted: dict[tuple[str | None, int], None] = {}  # the oldest first

    def knows(self, boot: str | None, seq: int | None) -> bool:
        """Whether this push was counted; one without a number never was."""
        return seq is not None and (boot, seq) in self._counted

    def count(self, boot: str | None, seq: int | None) -> None:
        """Remember a push, so that a retry of it is not counted again."""
        if seq is not None:
            self._counted[boot, seq] = None
            if len(self._counted) > KNOWN:
                del self._counted[next(iter(self._counted))]

    def forget(self, boot: str | None, seq: int | None) -> None:
        """The push was lost: should it come again, it is not a retry."""
        if seq is not None:
            self._counted.pop((boot, seq), None)
