"""Text that somebody else has written, a node above all: it is shown and never obeyed, by a chat or a model."""

import re
import unicodedata

UNTRUSTED_BYTES = 2000
"""Bytes of UTF-8 that are kept of one text from elsewhere."""
JOINER = "\u2060"
"""WORD JOINER: nobody sees it, and no chat takes what it stands in for a name or an address."""
_MENTION = re.compile(r"[@#](?=\w)|<(?=[@#!&:a])|/(?=[a-zA-Z])")
_ADDRESS = re.compile(r"(?<=\w)\.(?=\w)|:(?=//)")
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def stripped(text: str, limit: int = UNTRUSTED_BYTES) -> str:
    """Text on one line of bounded length, without anything that is not seen: controls, directions, joiners.

    Args:
        text: from anywhere.
        limit: bytes of UTF-8 that are kept; a longer text ends with an ellipsis.
    """
    seen = "".join(" " if unicodedata.category(char) in _UNSEEN else char for char in text[: 2 * limit])
    line = " ".join(seen.split())
    encoded = line.encode()
    if len(encoded) <= limit:
        return line
    return encoded[: limit - len("…".encode())].decode(errors="ignore") + "…"


def neutral(text: str, limit: int = UNTRUSTED_BYTES) -> str:
    """The same for a line of a chat: nobody is called by it, and nothing in it can be followed by a click.

    Args:
        text: from anywhere.
        limit: bytes that are kept of it, before the marks that no chat shows are put between.
    """
    shown = stripped(text, limit)
    for meaning in (_MENTION, _ADDRESS):
        shown = meaning.sub(lambda found: found[0] + JOINER, shown)
    return shown
