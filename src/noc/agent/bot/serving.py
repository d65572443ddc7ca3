"""The bot at work: every chat service, what waits and what runs, each by itself, until it is told to stop."""

import asyncio
import logging
import signal
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from functools import partial

from noc.agent.bot.announcing import Requests
from noc.agent.bot.bot import Bot
from noc.agent.bot.briefing import Briefings
from noc.agent.bot.kept import Keeper
from noc.agent.bot.showing import Runs
from noc.agent.bot.transport import Transport
from noc.agent.doors.house import House

AGAIN_S = 5.0

log = logging.getLogger(__name__)


async def serve(house: House, transports: Sequence[Transport], keeper: Keeper) -> None:
    """Serve until cancelled. What one chat service suffers is no other's affair.

    Args:
        house: the doors.
        transports: the chat services, at least one.
        keeper: what the bot still knows.
    """
    runs = Runs(house, transports, keeper)
    requests = Requests(house, transports, keeper, runs)
    bot = Bot(house, keeper, requests, runs)
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(_steadily(runs.watch, "what runs"))
            group.create_task(_steadily(requests.watch, "what waits"))
            group.create_task(_steadily(Briefings(house, transports, keeper).watch, "the briefing"))
            for transport in transports:
                listen = partial(transport.run, bot.handler(transport))
                group.create_task(_steadily(listen, transport.channel))
    finally:
        for transport in transports:
            await transport.close()


async def _steadily(work: Callable[[], Awaitable[None]], what: str) -> None:
    """Do something that does not end, and begin it anew where what nobody foresaw has ended it."""
    while True:
        try:
            await work()
        except Exception:
            log.exception("%s stumbled, and begins anew", what)
        await asyncio.sleep(AGAIN_S)


async def serve_until_told(house: House, transports: Sequence[Transport], keeper: Keeper) -> None:
    """Serve until SIGTERM or SIGINT. Arguments as `serve`."""
    serving = asyncio.create_task(serve(house, transports, keeper))
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, serving.cancel)
    with suppress(asyncio.CancelledError):
        await serving


class WithoutSecrets(logging.Formatter):
    """Log lines in which no secret stands, whoever wrote them: libraries put addresses there, and traces hold texts."""

    def __init__(self, secrets: Sequence[str]) -> None:
        """Leave secrets out.

        Args:
            secrets: as they are.
        """
        super().__init__("%(levelname)s %(name)s: %(message)s")
        self._secrets = tuple(filter(None, secrets))

    def format(self, record: logging.LogRecord) -> str:
        """The line, a trace included."""
        line = super().format(record)
        for secret in self._secrets:
            line = line.replace(secret, "…")
        return line


def log_without(secrets: Sequence[str]) -> None:
    """Let the log go to standard error without secrets; what the chats' libraries say of each request is left out."""
    handler = logging.StreamHandler()
    handler.setFormatter(WithoutSecrets(secrets))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    for chatty in ("httpx", "httpcore", "telegram", "discord", "aiohttp"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
