"""What a configuration asks for: a bundle that HQ staged, held against its hash and against what may change at all."""

import contextlib
import hashlib
import json
import os
import re
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from .actions import running_system
from .layout import Layout
from .state import Refused, read_json

DIRECTORIES = (
    "/etc/systemd/system",
    "/etc/caddy",
    "/etc/nftables.d",
    "/etc/ssh/sshd_config.d",
    "/etc/noc-node",
    "/usr/local/lib/noc-node",
)
PROGRAMS = "/usr/local/lib/noc-node/"
TUNNEL = "/etc/wireguard/wg0.conf"
RUNNING_SYSTEM, BOOTING_SYSTEM = "/run/current-system", "/nix/var/nix/profiles/system"
MAX_FILES, MAX_FILE, MAX_BUNDLE = 256, 1 << 20, 4 << 20

_NAME = "[A-Za-z0-9_][A-Za-z0-9._@-]*"
_PATH = re.compile(rf"(?:{'|'.join(map(re.escape, DIRECTORIES))})/(?:{_NAME}/){{0,2}}{_NAME}")
_SYSTEM = re.compile(r"/nix/store/[0-9a-z]{32}-[A-Za-z0-9._+?=-]+")
_MODE = re.compile("[46][04][04]|[57][05][05]")


class Lying(NamedTuple):
    """A file as it lies on the disk, or is to lie there."""

    mode: int
    content: bytes
    owner: tuple[int, int] | None = None

    @property
    def said(self) -> str:
        """What a comparison says of it: `MODE SHA256`."""
        return f"{self.mode:o} {hashlib.sha256(self.content).hexdigest()}"


class Wanted(NamedTuple):
    """A configuration: its files by path, and on NixOS the system that holds the rest."""

    files: dict[str, Lying]
    closure: str | None = None


def read_wanted(layout: Layout, sha: str) -> Wanted:
    """The configuration that HQ staged under its hash. Raises Refused("config") where it is not exactly that."""
    try:
        with layout.state(f"configs/{sha}.json").open("rb") as file:
            content = file.read(MAX_BUNDLE + 1)
    except FileNotFoundError:
        raise Refused("config", f"configuration {sha[:12]} is not on the node") from None
    if len(content) > MAX_BUNDLE or hashlib.sha256(content).hexdigest() != sha:
        raise Refused("config", f"what was staged as configuration {sha[:12]} is something else")
    wanted = parse_wanted(content)
    for path in wanted.files:
        place(layout, path)
    if wanted.closure and not layout.path(wanted.closure.lstrip("/")).is_dir():
        raise Refused("config", f"{wanted.closure} is not in the node's store")
    return wanted


def parse_wanted(content: bytes) -> Wanted:
    """Read a bundle, whoever wrote it. Raises Refused("config")."""
    try:
        said = json.loads(content)
        files = {path: _parse_file(path, file) for path, file in said["files"].items()}
        closure = None if said["closure"] is None else _parse_system(said["closure"])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise Refused("config", f"the configuration does not hold together: {error}") from None
    if len(files) > MAX_FILES:
        raise Refused("config", f"{len(files)} files are more than a node has")
    return Wanted(files, closure)


def _parse_system(path: str) -> str:
    if not _SYSTEM.fullmatch(path):
        raise ValueError("its NixOS system is no path in the store")
    return path


def _parse_file(path: str, said: dict[str, str]) -> Lying:
    check_path(path)
    content = said["text"].encode()
    if not _MODE.fullmatch(said["mode"]) or len(content) > MAX_FILE:
        raise ValueError(f"{path} has a mode or a size that no file of ours has")
    return Lying(int(said["mode"], 8), content)


def check_path(path: str) -> None:
    """Raises Refused("path") unless a configuration may have a file there."""
    if path != TUNNEL and not _PATH.fullmatch(path):
        raise Refused("path", f"{path[:200]!r} is no place for a configuration")


def place(layout: Layout, path: str) -> Path:
    """Where a path lies. Raises Refused("path") where that is none of ours, or a link would lead us elsewhere."""
    check_path(path)
    where = Path(os.path.realpath(layout.root)) / path.lstrip("/")
    if Path(os.path.realpath(where.parent)) != where.parent:
        raise Refused("path", f"a link stands in the way of {path}")
    with contextlib.suppress(FileNotFoundError):
        if not stat.S_ISREG(where.lstat().st_mode):
            raise Refused("path", f"{path} is no regular file")
    return where


def look(layout: Layout, path: str) -> Lying | None:
    """The file that lies at a path, None for none. Raises Refused("path") for what cannot be one of ours."""
    where = place(layout, path)
    try:
        fd = os.open(where, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return None
    with open(fd, "rb") as file:  # noqa: PTH123 - a descriptor
        found, content = os.fstat(fd), file.read(MAX_FILE + 1)
    if len(content) > MAX_FILE:
        raise Refused("path", f"{path} is larger than any file of ours")
    return Lying(stat.S_IMODE(found.st_mode), content, (found.st_uid, found.st_gid))


def parse_hashes(text: str) -> dict[str, str]:
    """What to compare a node with, as HQ writes it. Raises Refused("usage")."""
    try:
        return {str(path): str(said) for path, said in json.loads(text).items()}
    except (ValueError, AttributeError, RecursionError):
        raise Refused("usage", "not a JSON object of paths and hashes") from None


def compare(layout: Layout, hashes: Mapping[str, str]) -> list[str]:
    """The paths at which the node is not as it should be: other, missing, or left over from the configuration in force.

    Args:
        layout: the node.
        hashes: path → `MODE SHA256`, or `link TARGET` for the links that lead to a NixOS system.

    Raises:
        Refused: "path" for a path that no configuration has.
    """
    if len(hashes) > MAX_FILES:
        raise Refused("config", f"{len(hashes)} files are more than a node has")
    differing = [path for path, wanted in hashes.items() if _said(layout, path) != wanted]
    return differing + [path for path in obsolete(layout, hashes) if _said(layout, path)]


def _said(layout: Layout, path: str) -> str:
    if path in (RUNNING_SYSTEM, BOOTING_SYSTEM):
        return f"link {running_system(layout, path)}"
    check_path(path)
    try:
        lying = look(layout, path)
    except Refused as no:
        return f"unusual: {no}"
    return lying.said if lying else ""


def obsolete(layout: Layout, wanted: Mapping[str, Any]) -> list[str]:
    """Files of the configuration in force that another one no longer has. Programs stay until they are out of use."""
    known = (read_json(layout, "config.json") or {}).get("paths", [])
    return [path for path in known if path not in wanted and not path.startswith(PROGRAMS)]
