"""Programs of this machine that are asked something, each with a deadline."""

import asyncio
import os
from contextlib import suppress
from typing import Final

WITHIN_S: Final = 5.0
MAX_OUTPUT: Final = 256 * 1024


async def output(*argv: str) -> str | None:
    """What a program writes; None where it is missing, fails, or has not ended within 5 s."""
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
    assert process.stdout is not None
    try:
        async with asyncio.timeout(WITHIN_S):
            written = await process.stdout.read(MAX_OUTPUT)
            return written.decode(errors="replace") if await process.wait() == 0 else None
    except TimeoutError:
        return None
    finally:
        with suppress(ProcessLookupError):
            process.kill()
