"""What a node says is hostile: neither a terminal nor a journal may be played with by it."""

from typing import Any

MAX_TEXT = 2000
MAX_ITEMS = 500


def tame(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    """A JSON value with every text on one line, without control characters, and of bounded size.

    Args:
        value: texts, numbers, lists and objects, as deep as they come.
    """
    if isinstance(value, str):
        return "".join(char if char.isprintable() else " " for char in value[:MAX_TEXT])
    if isinstance(value, dict):
        return {str(tame(key)): tame(item) for key, item in list(value.items())[:MAX_ITEMS]}
    if isinstance(value, list | tuple):
        return [tame(item) for item in value[:MAX_ITEMS]]
    return value
