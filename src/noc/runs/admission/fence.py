"""The fence: a number that only grows. A node refuses an activation whose number is lower than the last it saw."""

import os
from pathlib import Path


def next_fence(path: Path) -> int:
    """Take the next number; it is on the disk before it is returned, so that none is ever given twice.

    Args:
        path: the file that holds the last number given; missing before the first.
    """
    number = int(path.read_text()) + 1 if path.exists() else 1
    temporary = path.with_suffix(".new")
    with temporary.open("w") as file:
        file.write(str(number))
        file.flush()
        os.fsync(file.fileno())
    temporary.rename(path)
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
    return number
