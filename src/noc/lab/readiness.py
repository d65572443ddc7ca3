"""Whether something of the lab answers, and waiting for it until a deadline."""

import asyncio
import ssl
import time
from collections.abc import Awaitable, Callable

import httpx

from noc.lab.errors import BootFailed
from noc.lab.machines import Machine

Attempt = Callable[[], Awaitable[bytes]]


async def until(attempt: Attempt, deadline_s: float, what: str, why: Callable[[], str]) -> bytes:
    """Try again until an attempt succeeds, and return what it found.

    Args:
        attempt: raises OSError, TimeoutError or httpx.HTTPError as long as there is no answer.
        deadline_s: seconds until it counts as failed.
        what: what is waited for, for the message.
        why: asked for the cause when the deadline has passed.

    Raises:
        BootFailed: no answer within `deadline_s`.
    """
    end = time.monotonic() + deadline_s
    while True:
        try:
            async with asyncio.timeout(5):
                return await attempt()
        except (OSError, httpx.HTTPError) as error:
            if time.monotonic() > end:
                raise BootFailed(f"{what} does not answer after {deadline_s:g} s", why=f"{error}; {why()}") from None
        await asyncio.sleep(0.05)


async def greeting(machine: Machine) -> bytes:
    """The first line of a machine's sshd. Raises OSError where none answers."""
    reader, writer = await asyncio.open_connection(str(machine.address), 22)
    try:
        line = await reader.readline()
    finally:
        writer.close()
    if not line.startswith(b"SSH-2.0-"):
        raise ConnectionError(f"sshd said {line[:40]!r}")
    return line


async def fetch(url: str, root_pem: bytes) -> bytes:
    """Get a document from the lab's internet by its name; over TLS that `root_pem` verifies where the URL says so.

    Raises:
        OSError, httpx.HTTPError: no answer, not verified, or another status than 200.
    """
    trust = ssl.create_default_context(cadata=root_pem.decode())
    async with httpx.AsyncClient(verify=trust, trust_env=False) as client:
        answer = await client.get(url)
    return answer.raise_for_status().content
