"""Running the host's own programs, with a deadline and their last words kept."""

import asyncio
import subprocess

from noc.lab.errors import CommandFailed


def last_words(text: str) -> str:
    """The last line that says something, at most 300 characters."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][-300:] if lines else "it said nothing"


async def run(*argv: str, stdin: str | None = None, timeout_s: float = 30) -> str:
    """Run a program to its end and return its standard output.

    Args:
        argv: the program and its arguments.
        stdin: text to feed, None for an empty input.
        timeout_s: seconds until the program is killed.

    Raises:
        CommandFailed: it ended with another status than 0, or not in time.
    """
    process = await asyncio.create_subprocess_exec(
        *argv,
        stdin=subprocess.PIPE if stdin is not None else subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(timeout_s):
            stdout, stderr = await process.communicate(stdin.encode() if stdin is not None else None)
    except TimeoutError:
        process.kill()
        await process.wait()
        raise CommandFailed(f"{argv[0]} did not end", why=f"no end within {timeout_s:g} s: {' '.join(argv)}") from None
    if process.returncode:
        raise CommandFailed(f"{' '.join(argv)} failed", why=last_words(stderr.decode(errors="replace")))
    return stdout.decode(errors="replace")


def call(*argv: str, timeout_s: float = 30) -> str:
    """The same for code that may block. Raises as `run` does."""
    return call_bytes(*argv, timeout_s=timeout_s).decode(errors="replace")


def call_bytes(*argv: str, timeout_s: float = 30) -> bytes:
    """The same for output that is no text. Raises as `run` does."""
    try:
        done = subprocess.run(argv, check=True, stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout_s)
    except subprocess.TimeoutExpired:
        raise CommandFailed(f"{argv[0]} did not end", why=f"no end within {timeout_s:g} s: {' '.join(argv)}") from None
    except subprocess.CalledProcessError as error:
        words = last_words(error.stderr.decode(errors="replace") or error.stdout.decode(errors="replace"))
        raise CommandFailed(f"{' '.join(argv)} failed", why=words) from None
    return done.stdout
