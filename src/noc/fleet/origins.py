"""Since when the inventory has had a value: the fleet directory's history has one commit a run."""

import subprocess
from collections.abc import Collection
from datetime import UTC, datetime
from pathlib import Path

from noc.fleet.inventory import FILE

TIMEOUT_S = 20
_DATE = "@"


def origins(directory: Path, values: Collection[str]) -> dict[str, datetime]:
    """When each value came into the inventory last.

    Args:
        directory: the fleet directory.
        values: texts as they stand in the file, each long enough to be no other one's part.

    Returns:
        Value → time of its commit, UTC; what no commit tells is left out, as is everything where there is no history.
    """
    argv = ("git", "-C", str(directory), "log", "--reverse", f"--format={_DATE}%ct", "-p", "--unified=0", "--no-color")
    try:
        done = subprocess.run(
            [*argv, "--no-ext-diff", "--no-textconv", "--", FILE],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return {}
    return read_log(done.stdout, values) if done.returncode == 0 else {}


def read_log(text: str, values: Collection[str]) -> dict[str, datetime]:
    """The same from the log's text: `@SECONDS` begins a commit, lines with a plus are what it brought. Pure."""
    found: dict[str, datetime] = {}
    now = datetime.fromtimestamp(0, UTC)
    for line in text.splitlines():
        if line.startswith(_DATE) and line[1:].isdecimal():
            now = datetime.fromtimestamp(int(line[1:]), UTC)
        elif line.startswith("+"):
            _, _, said = line.partition("= ")
            value = said.strip().strip('"')
            if value in values:
                found[value] = now
    return found
