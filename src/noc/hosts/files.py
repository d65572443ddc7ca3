"""Files that a machine shall have: only what differs is written, and told."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from noc.hosts.shell import Shell

_LOOK = """
for path; do
  mkdir -p "${path%/*}"
  if [ -f "$path" ]; then
    hash=$(sha256sum <"$path")
    printf '%s %s %s\\n' "${hash%% *}" "$(stat -c %a "$path")" "$path"
  fi
done
"""


@dataclass(frozen=True)
class File:
    """A file's text and permission bits; it belongs to root."""

    text: str
    mode: int = 0o644


async def install(shell: Shell, files: Mapping[str, File]) -> tuple[str, ...]:
    """Make files what they should be.

    Args:
        shell: the machine.
        files: absolute path → what shall lie there; missing directories are made.

    Returns:
        The paths that were written, in the given order; none where all was as wanted.

    Raises:
        What Shell.run and Shell.put raise.
    """
    looked = await shell.run("sh", "-euc", _LOOK, "look", *files)
    there = {path: (digest, mode) for digest, mode, path in (line.split(" ", 2) for line in looked.stdout.splitlines())}
    wrong = tuple(path for path, file in files.items() if there.get(path) != _state(file))
    for path in wrong:
        await shell.put(files[path].text.encode(), path, mode=files[path].mode)
    return wrong


def _state(file: File) -> tuple[str, str]:
    return hashlib.sha256(file.text.encode()).hexdigest(), f"{file.mode:o}"
