"""Credentials of Anthropic, which have no business on HQ: looked for where they lie by habit, and never shown.

HQ's agent asks the endpoint of fleet.toml and nothing else. A key or a sign-in that somebody left behind would be found
by OpenClaw and by other programs, and would let the agent speak to another model than the one that was chosen.
"""

import re
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Final

from noc.agent.openclaw.finding import Finding, judged
from noc.agent.openclaw.places import CREDENTIALS, HQ

ROOT = Path("/")
MAX_BYTES: Final = 262_144
MAX_FILES: Final = 5_000
_SET = re.compile(
    rb"""(?<![A-Z0-9_])(?:ANTHROPIC_(?:[A-Z0-9_]*_)?(?:KEY|TOKEN)|CLAUDE_CODE_OAUTH_TOKEN)["']?\s*[=:]\s*["']?[^\s"'$]"""
)
_VALUE = re.compile(rb"sk-ant-[A-Za-z0-9_-]{8}")
_NAME = re.compile(r"anthropic|claude", re.IGNORECASE)
_SYSTEM = (
    "etc/environment",
    "etc/environment.d/*",
    "etc/profile.d/*",
    "etc/default/*",
    "etc/systemd/system/*.service",
    "etc/systemd/system/*.service.d/*",
    "etc/systemd/system.conf",
)
_HOME = (".env", ".profile", ".bashrc", ".bash_profile", ".zshrc", ".claude.json", ".openclaw/*")
_SIGNED_IN = (".claude/.credentials.json", ".config/anthropic/*", ".config/claude/*", ".anthropic/*")


def anthropic_finding(root: Path | None = None) -> Finding:
    """Whether any was found, with the places: a file's path and line, never what stands there.

    Args:
        root: what counts as the root of the file system; None for the real one.
    """
    wrong = list(islice(_found(root or ROOT), 20))
    return judged("Anthropic credentials", wrong, "none on this machine", "remove them, and revoke what was found")


def _found(root: Path) -> Iterator[str]:
    credentials = root / CREDENTIALS.relative_to("/")
    yield from (f"{_shown(root, path)} is called so" for path in _some(credentials, ("*",)) if _NAME.search(path.name))
    homes = [root / "root", root / HQ.state.relative_to("/"), *_some(root, ("home/*",))]
    for home in homes:
        yield from (f"{_shown(root, path)} is a sign-in" for path in _some(home, _SIGNED_IN) if path.is_file())
    files = [_some(root, _SYSTEM), _below(root / HQ.kit.relative_to("/")), _some(credentials, ("*",))]
    files += [_some(home, _HOME) for home in homes] + [_below(home / ".config") for home in homes]
    seen: set[Path] = set()
    for path in (path for each in files for path in each if path not in seen):
        seen.add(path)
        yield from _in_file(root, path)


def _some(directory: Path, patterns: Iterable[str]) -> Iterator[Path]:
    for pattern in patterns:
        yield from sorted(directory.glob(pattern))


def _below(directory: Path) -> Iterator[Path]:
    """Files three levels deep: deeper lie caches and programs."""
    yield from islice(_some(directory, ("*", "*/*", "*/*/*")), MAX_FILES)


def _in_file(root: Path, path: Path) -> Iterator[str]:
    try:
        if not path.is_file():
            return
        with path.open("rb") as file:
            text = file.read(MAX_BYTES)
    except OSError:
        return
    for number, line in enumerate(text.splitlines(), 1):
        if _SET.search(line) or _VALUE.search(line):
            yield f"{_shown(root, path)} line {number}"


def _shown(root: Path, path: Path) -> str:
    return f"/{path.relative_to(root)}"
