"""The second place behind SFTP: one connection, its host key pinned by fingerprint; there is no way around that."""

import asyncio
import hashlib
import stat
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

import asyncssh

from noc.errors import NocError
from noc.fleet.backing import Second
from noc.hosts.ssh import Pinned, Target, dial
from noc.hub.second import BLOCK, absent, differs

CONNECT_S = 30
STILL_S = 120
"""So long one request may take before the place counts as gone."""
MOST_FILES = 100_000

_T = TypeVar("_T")


class Sftp:
    """Implements `noc.hub.second.Place` over an open connection.

    Args:
        runner: the loop that the connection lives in.
        client: the open SFTP session.
        path: the directory there.
        where: the place for people.
    """

    def __init__(self, runner: asyncio.Runner, client: asyncssh.SFTPClient, path: str, where: str) -> None:
        self._runner, self._client, self._path, self.where = runner, client, path, where

    def put(self, source: Path, name: str) -> None:
        """See `Place.put`."""
        self._do(self._put(source, name))

    def files(self) -> Iterator[tuple[str, int]]:
        """See `Place.files`."""
        yield from self._do(self._files())

    def remove(self, name: str) -> None:
        """See `Place.remove`."""
        self._do(self._within(self._client.remove(f"{self._path}/{name}")))

    async def _put(self, source: Path, name: str) -> None:
        part, final = f"{self._path}/.{name}.part", f"{self._path}/{name}"
        with suppress(asyncssh.SFTPNoSuchFile):
            await self._within(self._client.remove(part))
        try:
            written = await self._write(source, part)
            await self._within(self._client.posix_rename(part, final))
        except BaseException:
            with suppress(asyncssh.Error, OSError, TimeoutError):
                await self._within(self._client.remove(part))
            raise
        if await self._sha256(final) != written:
            await self._within(self._client.remove(final))
            raise differs(name, self.where)

    async def _write(self, source: Path, part: str) -> str:
        digest = hashlib.sha256()
        attributes = asyncssh.SFTPAttrs(permissions=0o600)
        async with self._client.open(part, "xb", attributes) as file:
            with source.open("rb") as read:
                while block := read.read(BLOCK):
                    digest.update(block)
                    await self._within(file.write(block))
            # A server without this extension syncs when it likes; reading back is all that can be done then.
            with suppress(asyncssh.SFTPOpUnsupported):
                await self._within(file.fsync())
        return digest.hexdigest()

    async def _sha256(self, path: str) -> str:
        digest = hashlib.sha256()
        async with self._client.open(path, "rb") as file:
            while isinstance(block := await self._within(file.read(BLOCK)), bytes) and block:
                digest.update(block)
        return digest.hexdigest()

    async def _files(self) -> list[tuple[str, int]]:
        found: list[tuple[str, int]] = []
        async for entry in self._client.scandir(self._path):
            if len(found) == MOST_FILES:
                raise absent(self.where, f"it lists more than {MOST_FILES} files")
            if entry.attrs.permissions is None or stat.S_ISREG(entry.attrs.permissions):
                found.append((str(entry.filename), int(entry.attrs.size or 0)))
        return found

    async def _within(self, request: Coroutine[Any, Any, _T]) -> _T:
        return await asyncio.wait_for(request, STILL_S)

    def _do(self, work: Coroutine[Any, Any, _T]) -> _T:
        try:
            return self._runner.run(work)
        except TimeoutError:
            raise absent(self.where, f"it did not answer within {STILL_S} s") from None
        except (asyncssh.Error, OSError) as error:
            raise absent(self.where, getattr(error, "reason", None) or str(error) or type(error).__name__) from None


@contextmanager
def connected(second: Second, key: Path) -> Iterator[Sftp]:
    """The place behind `[backup.second]`, as long as the body lasts.

    Raises:
        SecondAbsent: it is not reached, shows another key, does not let us in, or offers no SFTP.
    """
    assert second.host is not None
    assert second.host_key is not None
    where = f"{second.user}@{second.host}:{second.path}"
    target = Target("the second place", second.host, key, Pinned(second.host_key), second.port, second.user)
    with asyncio.Runner() as runner:
        try:
            connection = runner.run(dial(target, timeout_s=CONNECT_S))
        except NocError as error:
            raise absent(where, ": ".join(filter(None, (error.what, error.why)))) from None
        try:
            try:
                client = runner.run(asyncio.wait_for(connection.start_sftp_client(), CONNECT_S))
            except (asyncssh.Error, OSError, TimeoutError) as error:
                raise absent(where, f"it offers no SFTP: {error}") from None
            yield Sftp(runner, client, second.path.rstrip("/"), where)
        finally:
            connection.abort()
            runner.run(connection.wait_closed())
