"""Names into addresses, as this machine's resolver sees them now."""

import asyncio
import socket
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Final

LOOKUP_S: Final = 5.0
AT_ONCE: Final = 8


@dataclass(frozen=True)
class Lookup:
    """What a name leads to.

    Attributes:
        addresses: its IPv4 addresses, sorted; none where there is trouble.
        trouble: why there is none, "" otherwise.
    """

    addresses: tuple[IPv4Address, ...] = ()
    trouble: str = ""


class Names:
    """Asks the resolver anew each time, in threads of its own: one that does not answer holds up nobody else."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(AT_ONCE, "noc-names")

    async def look_up(self, hostname: str) -> Lookup:
        """A name's IPv4 addresses; a failure is an answer as well, and never an exception."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(LOOKUP_S):
                found = await loop.run_in_executor(self._threads, _resolve, hostname)
        except TimeoutError:
            return Lookup(trouble=f"no answer from the name server within {LOOKUP_S:g} s")
        except OSError as error:
            return Lookup(trouble=error.strerror or str(error))
        return Lookup(addresses=found)

    def close(self) -> None:
        """Take no further question."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def _resolve(hostname: str) -> tuple[IPv4Address, ...]:
    rows = socket.getaddrinfo(hostname, None, socket.AF_INET, socket.SOCK_STREAM)
    return tuple(sorted({IPv4Address(row[4][0]) for row in rows}))
