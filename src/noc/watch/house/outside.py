"""HQ's own way out: two addresses that are none of ours, tried again and again."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final

from noc.watch.clock import Moment, now
from noc.watch.config import Config

WITHIN_S: Final = 5.0
UNSET_PAUSE_S: Final = 5.0
"""A fleet file that was read again, and names addresses now, is noticed by then."""

Tell = Callable[[bool, Moment], object]


class Outside:
    """Tells whether HQ reaches anything outside; nothing is told where the fleet file names no addresses."""

    def __init__(self, config: Callable[[], Config], tell: Tell) -> None:
        """Take the fleet as it is now, and who hears of each try: whether any address answered, and when."""
        self._config, self._tell = config, tell
        self._poke = asyncio.Event()

    async def run(self) -> None:
        """Try until cancelled."""
        while True:
            self._poke.clear()
            settings = self._config().fleet.outside
            if settings.addresses:
                reached = await any_answers(settings.addresses)
                self._tell(reached, now())
            pause = settings.interval if settings.addresses else UNSET_PAUSE_S
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._poke.wait()

    def suspect(self) -> None:
        """Nodes fall silent: try now."""
        self._poke.set()


async def any_answers(addresses: Sequence[str]) -> bool:
    """Whether at least one address answers within 5 s."""
    return any(await asyncio.gather(*(_answers(address) for address in addresses)))


async def _answers(address: str) -> bool:
    try:
        async with asyncio.timeout(WITHIN_S):
            await (_ask(address) if address.startswith("https://") else _connect(address))
    except (OSError, TimeoutError):
        return False
    return True


async def _connect(address: str) -> None:
    host, _, port = address.rpartition(":")
    _, writer = await asyncio.open_connection(host, int(port))
    writer.close()


async def _ask(url: str) -> None:
    """Any answer will do, once TLS holds. Raises OSError where there is none."""
    import httpx  # noqa: PLC0415 - only who names such an address pays for it

    try:
        async with httpx.AsyncClient(timeout=WITHIN_S, trust_env=False) as client:
            await client.head(url)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise OSError(type(error).__name__) from error
