"""May a release run on this node?"""

import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from .layout import Layout
from .signature import keygen
from .state import Refused, current, proven

PRODUCT, NAMESPACE = "clavitor", "noc-release"
PAYLOAD, MANIFEST, SIGNATURE = "clavitor.pyz", "manifest.json", "manifest.json.sig"


def check_release(layout: Layout, sha: str, *, replacing: bool = False) -> dict[str, Any]:
    """Verify a staged release: signature, content, and that it is not older than what this node knows.

    A release that this node has itself proven may always return, also once its signer counts no more. `replacing` lets
    a node without any release take one that has expired, or is older than what it once ran. Returns the manifest;
    raises Refused.
    """
    known = proven(layout)
    proven_here = sha in {entry["sha"] for entry in known}
    manifest = authentic_manifest(layout, sha, withdrawn=proven_here)
    check_content(layout.release(sha) / PAYLOAD, manifest)
    if proven_here or (replacing and current(layout) is None):
        return manifest
    if datetime.fromisoformat(manifest["expires"]) < datetime.now(UTC):
        raise Refused("expired", f"the manifest expired at {manifest['expires']}")
    newest = max((entry["build"] for entry in known), default=0)
    if manifest["build"] <= newest:
        raise Refused("old", f"its build {manifest['build']} is not above {newest}, which this node has proven")
    return manifest


def authentic_manifest(layout: Layout, sha: str, *, withdrawn: bool = False) -> dict[str, Any]:
    """The manifest of a release, once its signature is found good; `withdrawn` takes that of a signer from before."""
    files = [layout.release(sha) / name for name in (PAYLOAD, MANIFEST, SIGNATURE)]
    if missing := [path.name for path in files if not path.is_file()]:
        raise Refused("unsigned" if missing == [SIGNATURE] else "missing", f"{missing[0]} is not on the node")
    with files[1].open("rb") as file:
        content = file.read(65536)
    signers = str(layout.path("etc/noc-node/signers"))
    found = keygen("find-principals", signers, files[2], b"")
    if not found and withdrawn and keygen("check-novalidate", signers, files[2], content, "-n", NAMESPACE) is not None:
        return parse_manifest(content, sha)
    if not found:
        raise Refused("untrusted", "it is not signed by a signer that this node trusts")
    principal = found.splitlines()[0].split(",")[0]
    if keygen("verify", signers, files[2], content, "-I", principal, "-n", NAMESPACE) is None:
        raise Refused("signature", "the signature does not fit the manifest, or is for another purpose")
    return parse_manifest(content, sha)


def parse_manifest(content: bytes, sha: str) -> dict[str, Any]:
    """Read a signed manifest, and see that it speaks of this release. Raises Refused."""
    try:
        said = json.loads(content)
        manifest: dict[str, Any] = {
            name: str(said[name]) for name in ("product", "version", "sha256", "created", "expires")
        }
        manifest |= {name: int(said[name]) for name in ("build", "size")}
        datetime.fromisoformat(manifest["expires"]).astimezone(UTC)
    except (ValueError, KeyError, TypeError) as error:
        raise Refused("manifest", f"the manifest is incomplete: {error!r}") from None
    if (manifest["product"], manifest["sha256"]) != (PRODUCT, sha):
        raise Refused("manifest", f"the manifest is for {manifest['product']} {manifest['sha256'][:12]}")
    return manifest


def check_content(payload: Path, manifest: dict[str, Any]) -> None:
    """Raises Refused("content") unless the file is the one that was signed, to the byte."""
    if payload.stat().st_size != manifest["size"]:
        raise Refused("content", f"the file has {payload.stat().st_size} bytes, not {manifest['size']}")
    with payload.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if digest != manifest["sha256"]:
        raise Refused("content", f"the file's hash is {digest[:12]}…, not {manifest['sha256'][:12]}…")


def identity(layout: Layout, sha: str) -> dict[str, Any]:
    """What a release calls itself in a health answer: version and build; empty where its manifest cannot be read."""
    try:
        manifest = parse_manifest((layout.release(sha) / MANIFEST).read_bytes(), sha)
    except (OSError, Refused):
        return {}
    return {"version": manifest["version"], "build": manifest["build"]}
