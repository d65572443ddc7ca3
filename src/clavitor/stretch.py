"""scrypt over what clients authenticate with: one at a time, behind a short waiting line."""

import asyncio
import hashlib
from concurrent.futures import ThreadPoolExecutor

from clavitor.errors import HttpError

# OWASP's password storage cheat sheet, the row for 16 MiB. The client has already spent its PBKDF2 on the password.
COST, BLOCK, PARALLEL = 2**14, 8, 5
MEMORY = 32 * 1024 * 1024
MAX_WAITING = 8
RETRY_AFTER = 3


class Stretcher:
    """Stretches keys in one thread, so that memory and processor stay bounded however many people knock."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, "scrypt")
        self._waiting = 0

    async def stretch(self, key: bytes, salt: bytes) -> bytes:
        """The 32-byte verifier of a key.

        Raises:
            HttpError: 503 where the line is full.
        """
        if self._waiting >= MAX_WAITING:
            raise HttpError(503, "too many people are signing in at this moment", retry_after=RETRY_AFTER)
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, _scrypt, key, salt)
        finally:
            self._waiting -= 1

    def close(self) -> None:
        """Finish the one under way."""
        self._thread.shutdown(cancel_futures=True)


def _scrypt(key: bytes, salt: bytes) -> bytes:
    return hashlib.scrypt(key, salt=salt, n=COST, r=BLOCK, p=PARALLEL, maxmem=MEMORY, dklen=32)
