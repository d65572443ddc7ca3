"""Files that the agent lives by: whether others may read what is private, and the agent write what binds it."""

import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from noc.agent.openclaw.configuration import GATE
from noc.agent.openclaw.finding import Document, Finding, at, judged, part, strings
from noc.agent.openclaw.kit import gate_text
from noc.agent.openclaw.places import CREDENTIALS, HQ, USER, Places

MAX_FILES: Final = 20_000
MAX_BYTES: Final = 1_000_000
_OTHERS = 0o007
_GROUP_OR_OTHERS_WRITE = 0o022


def place_findings(live: Document, config: Path, places: Places = HQ) -> list[Finding]:
    """All findings about files.

    Args:
        live: the live configuration.
        config: where it lies.
        places: where the agent's things lie.
    """
    return [_private(live, config, places), _binding(live, config), _gate_program(live)]


def _private(live: Document, config: Path, places: Places) -> Finding:
    """The configuration, OpenClaw's state with all that was said, and the secrets' files."""
    wrong = [f"{config} may be read by everybody"] if _mode(config) & _OTHERS else []
    for directory in (each for each in (places.state, places.run) if each.is_dir()):
        if _mode(directory) & 0o077:
            wrong += [
                f"{directory} is not 0700",
                *(f"{path} may be read by everybody" for path in _readable(directory)),
            ]
    for path in (CREDENTIALS, *_secret_files(live)):
        wrong += [f"{path} may be read by others"] if path.exists() and _mode(path) & 0o077 else []
    return judged("private files", wrong[:10], "only the agent and root read them", "chmod o-rwx each of them")


def _secret_files(live: Document) -> list[Path]:
    named = (at(each, "path") for each in part(live, "secrets", "providers").values())
    tokens = (at(each, "tokenFile") for each in part(live, "channels").values())
    return [Path(path) for path in (*named, *tokens) if isinstance(path, str) and Path(path).is_absolute()]


def _readable(directory: Path) -> Iterator[Path]:
    for count, path in enumerate(directory.rglob("*")):
        if count >= MAX_FILES:
            return
        if path.is_file() and not path.is_symlink() and _mode(path) & _OTHERS:
            yield path


def _binding(live: Document, config: Path) -> Finding:
    """What the agent is bound by is not the agent's to write: the configuration, the gate, the skill, its rules."""
    wrong = []
    for path in (config, *_bound(live)):
        if path.is_symlink():
            wrong.append(f"{path} is a link")
        elif path.exists() and (_mode(path) & _GROUP_OR_OTHERS_WRITE or _owner(path) == USER):
            wrong.append(f"{path} may be written by the agent or others")
    return judged("binding files", wrong[:10], "root alone writes them", "chown root and chmod go-w each of them")


def _bound(live: Document) -> Iterator[Path]:
    named = (
        *strings(at(live, "plugins", "load", "paths")),
        *strings(at(live, "skills", "load", "extraDirs")),
        str(at(live, "agents", "defaults", "workspace") or ""),
    )
    for top in (Path(name) for name in named if name.startswith("/")):
        yield top
        for count, path in enumerate(top.rglob("*") if top.is_dir() else ()):
            if count >= MAX_FILES:
                return
            yield path


def _gate_program(live: Document) -> Finding:
    """The gate that is loaded is the one of this noc, to the letter."""
    programs = [Path(path) / "index.js" for path in strings(at(live, "plugins", "load", "paths"))]
    found = [path for path in programs if path.parent.name == GATE]
    wrong = [] if found else [f"plugins.load.paths has no {GATE}"]
    wrong += [f"{path} is not the gate of this noc" for path in found if _text(path) != gate_text()]
    wrong += [f"{path.parent} is loaded as well" for path in programs if path not in found]
    return judged("gate's program", wrong, "as this noc writes it", f"noc openclaw init {HQ.kit} --linked")


def _text(path: Path) -> str:
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            return file.read(MAX_BYTES)
    except (OSError, ValueError):  # a name with a zero byte is no name
        return ""


def _mode(path: Path) -> int:
    """Permission bits; a link's own are of no meaning, so that its target's count."""
    try:
        return stat.S_IMODE(path.stat().st_mode)
    except OSError:
        return 0


def _owner(path: Path) -> str:
    try:
        return path.owner()
    except (KeyError, OSError):
        return ""
