"""Programs of this machine that are asked something, each with a deadline."""

import asyncio
import os
from contextlib import suppress
from typing import Final

WITHIN_S: Final = 5.0
MAX_OUTPUT: Final = 256 * 1024


async def output(*argv: str) -> str | None:
    """What a program writes; None where it is missing, fails, writes too much, or has not ended within 5 s."""
    try:
        process = await asyncio.create_subprocess_exec(
            *argv,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C.UTF-8"},
        )
    except OSError:
        return None
    try:
        async with asyncio.timeout(WITHIN_S):
            written = await _whole(process)
            good = len(written) <= MAX_OUTPUT and await process.wait() == 0
    except TimeoutError:
        return None
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.communicate()
    return written.decode(errors="replace") if good else None


async def _whole(process: asyncio.subprocess.Process) -> bytes:
    """What is written until its end, or until it is too much; then nobody reads on, and the program is ended."""
    assert process.stdout is not None
    written = b""
    while (part := await process.stdout.read(MAX_OUTPUT)) and len(written) <= MAX_OUTPUT:
        written += part
    return written
