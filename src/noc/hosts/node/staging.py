"""A release on its way to the node: its small files come with the question, its payload over a channel of its own."""

import base64
import binascii
import hashlib
from typing import Any

from .layout import Layout
from .release import MANIFEST, PAYLOAD, SIGNATURE
from .state import Refused, sync_directory, write_whole

MAX_SMALL = 65536


def offer(layout: Layout, sha: str, manifest: str, signature: str) -> dict[str, Any]:
    """Take a release's manifest and signature (base64), and say whether its payload is here, whole and unchanged.

    `payload` is where it belongs, `written` counts the bytes that were new. Raises Refused("usage").
    """
    directory = layout.release(sha)
    directory.mkdir(mode=0o755, parents=True, exist_ok=True)
    written = 0
    for name, said in ((MANIFEST, manifest), (SIGNATURE, signature)):
        content, path = _decode(said), directory / name
        if not path.is_file() or path.read_bytes() != content:
            write_whole(path, content)
            written += len(content)
    sync_directory(directory.parent)
    return {"ok": True, "payload": str(directory / PAYLOAD), "written": written, "whole": _is_whole(layout, sha)}


def _decode(text: str) -> bytes:
    try:
        content = base64.b64decode(text, validate=True)
    except binascii.Error:
        raise Refused("usage", "a file of the release is not in base64") from None
    if len(content) > MAX_SMALL:
        raise Refused("usage", "a manifest or signature of that size is none")
    return content


def _is_whole(layout: Layout, sha: str) -> bool:
    try:
        with (layout.release(sha) / PAYLOAD).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == sha
    except FileNotFoundError:
        return False
