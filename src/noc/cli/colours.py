"""Lines of several nodes beside each other: names of one width, each in a colour of its own where colours are shown."""

import os
from collections.abc import Sequence
from typing import TextIO

_CODES = {"red": "31", "yellow": "33", "dim": "2"}
_NAMES = ("36", "32", "35", "34", "33", "96", "92", "95")
# What a terminal would obey rather than show; a tab stays, since commands make columns of it.
_CONTROLS = {code: "\ufffd" for code in (*range(32), *range(127, 160)) if code != 9}


class Columns:
    """Writes for one stream. Plain where that is no terminal, or NO_COLOR is set (no-color.org)."""

    def __init__(self, nodes: Sequence[str], stream: TextIO) -> None:
        """Take the names that will come, in their order."""
        self._codes = {node: _NAMES[number % len(_NAMES)] for number, node in enumerate(nodes)}
        self._width = max(map(len, nodes), default=0)
        self._shown = stream.isatty() and not os.environ.get("NO_COLOR")

    def name(self, node: str) -> str:
        """A node's name, padded and in its colour."""
        return self._with(node.ljust(self._width), self._codes.get(node, ""))

    def coloured(self, text: str, colour: str) -> str:
        """A text from elsewhere, made harmless, in a colour: red, yellow, dim, or "" for none."""
        return self._with(harmless(text), _CODES.get(colour, ""))

    def _with(self, text: str, code: str) -> str:
        return f"\033[{code}m{text}\033[0m" if code and self._shown else text


def harmless(text: str) -> str:
    """A text from elsewhere of which no terminal obeys anything."""
    return text.translate(_CONTROLS)
