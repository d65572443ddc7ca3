"""Text that somebody else has written, a node above all: it is shown and never obeyed, by a chat or a model."""

import re
import unicodedata

UNTRUSTED_MAX = 2000
"""Characters of one text from elsewhere."""
JOINER = "\u2060"
"""WORD JOINER: nobody sees it, and no chat takes what it stands in for a name or an address."""
_MENTION = re.compile(r"[@#](?=\w)|<(?=[@#!&:a])")
_ADDRESS = re.compile(r"(?<=[\w/])([.:])(?=[\w/])")
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def stripped(text: str, limit: int = UNTRUSTED_MAX) -> str:
    """Text on one line of bounded length, without anything that is not seen: controls, directions, joiners.

    Args:
        text: from anywhere.
        limit: characters that are kept; the last one of a longer text is an ellipsis.
    """
    seen = "".join(" " if unicodedata.category(char) in _UNSEEN else char for char in text[: 2 * limit])
    line = " ".join(seen.split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def neutral(text: str, limit: int = UNTRUSTED_MAX) -> str:
    """The same for a line of a chat: nobody is called by it, and nothing in it can be followed by a click."""
    return _ADDRESS.sub(rf"\1{JOINER}", _MENTION.sub(lambda found: found[0] + JOINER, stripped(text, limit)))
