"""A shell on this machine, for what a node's shell does to files; owners stay as they are."""

import asyncio
import subprocess
from functools import partial
from pathlib import Path

import pytest

from noc.hosts import certificates
from noc.hosts.shell import Result


class Here:
    """A shell on this machine, as whoever runs the tests."""

    name = "here"

    async def run(self, *argv: str, stdin: bytes | None = None, timeout_s: float = 30, check: bool = True) -> Result:
        run = partial(subprocess.run, argv, capture_output=True, text=True, check=check, timeout=timeout_s)
        done = await asyncio.to_thread(run)
        return Result(argv, done.returncode, done.stdout, done.stderr)

    async def put(self, content: bytes | Path, path: str, *, mode: int = 0o644, **_: object) -> int:
        assert isinstance(content, bytes)
        await asyncio.to_thread(self._put, content, Path(path), mode)
        return len(content)

    async def close(self) -> None:
        """Nothing is open."""

    @staticmethod
    def _put(content: bytes, path: Path, mode: int) -> None:
        path.write_bytes(content)
        path.chmod(mode)


def proxy_storage(root: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let certificates lie below a directory; where that is."""
    monkeypatch.setattr(certificates, "STORAGE", f"{root}/storage/certificates")
    own = 'for each; do mkdir -p "$each"; done'
    monkeypatch.setattr(certificates, "_PREPARE", own)
    monkeypatch.setattr(certificates, "_GIVE", "true")
    return root / "storage"
