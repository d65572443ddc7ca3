"""The fleet's directory on this node: which tenant lives where, signed by HQ, for the service to answer from.

HQ puts head, signature and body into a place of ours under their hashes, and then asks for the head to be taken. The
body comes to its place before the head that names it, so that the service finds the directory from before or the new
one whole, whenever the power goes.
"""

import contextlib
import grp
import hashlib
import json
import os
from pathlib import Path
from typing import Any, NamedTuple

from .directory_body import MOST_CHANGES, is_body, merged
from .layout import Layout
from .signature import keygen
from .state import Refused, locked, read_json, sync_directory, write_json

NAMESPACE, PRINCIPAL = "noc-directory", "directory"
HOME, INCOMING, FLOOR = "var/lib/clavitor-directory", "directory", "directory.json"
SIGNERS, IDENTITY = "etc/noc-node/directory-signers", "etc/noc-node/node.json"
GROUP = "clavitor"
FORMAT, MOST_TENANTS, MOST_NODES, MOST_HEAD = 1, 1_000_000, 2_048, 1 << 20
"""The format that is read, and the bounds of a directory."""
KEPT_BODIES = 2
"""The one that the head names, and the one before, which a reader may just be opening."""
_LONGEST_SIGNATURE = 4096


class Head(NamedTuple):
    """What a head says of itself and of its body. `at` and `until` are Unix seconds."""

    version: int
    at: int
    until: int
    tenants: int
    sha256: str
    domain: str
    names: tuple[str, ...]

    @property
    def body(self) -> str:
        """The name of the file of its body."""
        return f"tenants-{self.version}"

    def is_body(self, path: Path) -> bool:
        """Whether a file is the body of this head."""
        return is_body(path, self.tenants, self.sha256)


def directory(layout: Layout, sha: str | None, now: float) -> dict[str, Any]:
    """Say which directory is here and where HQ puts another; or take over the one whose head has that hash.

    Args:
        layout: the node.
        sha: SHA-256 of a head that lies in our place, None only to be told.
        now: Unix seconds.

    Returns:
        `version`, `at`, `sha256` (of the body) of the one that is here, zeros and "" for none that is whole;
        `home`, where it lies, and `place`.

    Raises:
        Refused: "missing", "signature", "head", "stranger", "expired", "old", "forked", "content".
    """
    place = layout.state(INCOMING)
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    if sha is not None:
        with locked(layout, "directory.lock", within=10):
            _take(layout, place, sha, now)
    here = _whole(layout)
    said = {"version": here.version, "at": here.at, "sha256": here.sha256} if here else {}
    return {
        "ok": True,
        "version": 0,
        "at": 0,
        "sha256": "",
        **said,
        "home": str(layout.path(HOME)),
        "place": str(place),
    }


def _take(layout: Layout, place: Path, sha: str, now: float) -> None:
    content, signature = _authentic(layout, place, sha)
    head = parse_head(content)
    _check(layout, head, now)
    home = _home(layout)
    body, sent = home / head.body, place / f"{head.sha256}.body"
    if not head.is_body(body):
        _merge(layout, place, sent, head)
        if not sent.is_file():
            raise Refused("missing", f"the body {head.sha256[:12]} is not on the node")
        if not head.is_body(sent):
            sent.unlink()
            raise Refused("content", "the body that was sent is not the one that the head names")
        _put(body, sent.read_bytes())
    # From here on nothing older is taken, also should we end before the head is in its place.
    write_json(layout, FLOOR, {"version": head.version, "at": head.at, "sha256": head.sha256})
    _put(home / "head.sig", signature)
    _put(home / "head.json", content)
    _tidy(home, place, head)


def _merge(layout: Layout, place: Path, sent: Path, head: Head) -> None:
    """Make the body of the one that is here and what has changed since, where HQ has sent only that."""
    changes, here = place / f"{head.sha256}.changes", _whole(layout)
    if here is None or not changes.is_file():
        return
    with changes.open("rb") as file:
        content = merged((layout.path(HOME) / here.body).read_bytes(), file.read(MOST_CHANGES))
    changes.unlink()
    if hashlib.sha256(content).hexdigest() == head.sha256:
        sent.write_bytes(content)


def _authentic(layout: Layout, place: Path, sha: str) -> tuple[bytes, bytes]:
    """A head and its signature, once that is found good."""
    try:
        with (place / f"{sha}.json").open("rb") as file:
            content = file.read(MOST_HEAD + 1)
        with (place / f"{sha}.sig").open("rb") as file:
            signature = file.read(_LONGEST_SIGNATURE + 1)
    except FileNotFoundError:
        raise Refused("missing", f"the head {sha[:12]} is not on the node with its signature") from None
    if len(content) > MOST_HEAD or hashlib.sha256(content).hexdigest() != sha:
        raise Refused("head", f"what was sent as head {sha[:12]} is something else")
    signers = str(layout.path(SIGNERS))
    if keygen("verify", signers, place / f"{sha}.sig", content, "-I", PRINCIPAL, "-n", NAMESPACE) is None:
        raise Refused("signature", "the head is not signed by HQ for this purpose")
    return content, signature


def parse_head(content: bytes) -> Head:
    """Read a head. Raises Refused("head")."""
    try:
        said = json.loads(content)
        form = int(said["format"])
        version, at, until, count = (int(said[name]) for name in ("version", "at", "until", "count"))
        names = tuple(str(node["name"]) for node in said["nodes"])
        head = Head(version, at, until, count, str(said["sha256"]), str(said["domain"]), names)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise Refused("head", f"the head is incomplete: {error!r}") from None
    if form != FORMAT:
        raise Refused("head", f"its format is {form}; this node knows {FORMAT}")
    if head.version < 1 or not 0 <= head.tenants <= MOST_TENANTS or not 0 < len(names) <= MOST_NODES:
        raise Refused("head", "the head is beyond what a directory may hold")
    if len(head.sha256) != 64 or not set(head.sha256) <= set("0123456789abcdef"):
        raise Refused("head", "the head names no body")
    return head


def _check(layout: Layout, head: Head, now: float) -> None:
    """Raises Refused unless the head is this fleet's, fresh, and no older than what was taken before."""
    me = json.loads(layout.path(IDENTITY).read_bytes())
    if me["name"] not in head.names or not str(me["domain"]).endswith(f".{head.domain}"):
        raise Refused("stranger", f"it is the directory of another fleet ({head.domain})")
    if head.until < now:
        raise Refused("expired", f"it was good for {round(now - head.until)} s less than until now")
    floor = read_json(layout, FLOOR) or {"version": 0, "at": 0, "sha256": ""}
    if (head.version, head.at) < (floor["version"], floor["at"]):
        raise Refused("old", f"version {head.version} of {head.at} is older than {floor['version']} of {floor['at']}")
    if head.version == floor["version"] and head.sha256 != floor["sha256"]:
        raise Refused("forked", f"version {head.version} was another one before")


def _whole(layout: Layout) -> Head | None:
    """The head in its place, where its body is the one that it names; None for anything else."""
    home = layout.path(HOME)
    try:
        head = parse_head((home / "head.json").read_bytes())
    except (FileNotFoundError, Refused):
        return None
    return head if head.is_body(home / head.body) else None


def _home(layout: Layout) -> Path:
    """The service's directory of directories, which it may read and we alone may change."""
    home = layout.path(HOME)
    home.mkdir(mode=0o750, parents=True, exist_ok=True)
    _let_read(home, 0o750)
    return home


def _put(path: Path, content: bytes) -> None:
    """Put a file in its place in one step, durably, and readable for the service before it is there."""
    temporary = path.with_name(f".{path.name}.new")
    with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:  # noqa: PTH123
        file.write(content)
        file.flush()
        _let_read(temporary, 0o640)
        os.fsync(file.fileno())
    temporary.replace(path)
    sync_directory(path.parent)


def _let_read(path: Path, mode: int) -> None:
    """Root's, for the service's group to read; where there is no such group, for root alone."""
    os.chmod(path, mode)  # noqa: PTH101 - the neighbours' way
    with contextlib.suppress(KeyError):
        os.chown(path, -1, grp.getgrnam(GROUP).gr_gid)


def _tidy(home: Path, place: Path, head: Head) -> None:
    """Let go of what HQ sent, and of bodies from before the one before."""
    for path in place.iterdir():
        path.unlink(missing_ok=True)
    bodies = sorted(home.glob("tenants-*"), key=lambda path: int(path.name.removeprefix("tenants-")), reverse=True)
    for path in [path for path in bodies if path.name != head.body][KEPT_BODIES - 1 :]:
        path.unlink(missing_ok=True)
