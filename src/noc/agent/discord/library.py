"""discord.py, as we use it: one account, no cache of what people say, and nobody called by what it sends."""

import logging
import ssl
import sys
from collections.abc import Awaitable, Callable

import aiohttp
import discord
import yarl
from discord.gateway import DiscordWebSocket
from discord.http import Route

from noc.agent.bot.errors import ChannelAway

LONGEST_WAIT_S = 30.0
"""Seconds that a call waits where the API asks for a pause; the library takes no less."""

log = logging.getLogger(__name__)
logging.getLogger("discord").setLevel(logging.WARNING)  # below that it logs what people write, and tokens


class Client(discord.Client):
    """One account at Discord, signed in and possibly connected."""

    def __init__(self, tls: ssl.SSLContext, heard: Callable[[discord.Interaction], Awaitable[None]]) -> None:
        """Prepare an account; call it where an event loop runs.

        Args:
            tls: which certificates count.
            heard: takes every command and every press.
        """
        discord.VoiceClient.warn_nacl = discord.VoiceClient.warn_dave = False
        super().__init__(
            intents=discord.Intents(guilds=True),
            allowed_mentions=discord.AllowedMentions.none(),
            max_messages=None,
            member_cache_flags=discord.MemberCacheFlags.none(),
            chunk_guilds_at_startup=False,
            connector=aiohttp.TCPConnector(ssl=tls),
            max_ratelimit_timeout=LONGEST_WAIT_S,
        )
        self._heard = heard
        self.sessions_left = 0

    async def on_interaction(self, interaction: discord.Interaction) -> None:
        """Somebody used a command or pressed a button."""
        await self._heard(interaction)

    async def on_error(self, event_method: str, /, *_args: object, **_kwargs: object) -> None:
        """An event that we failed to take is logged without what it held, which is whatever people wrote."""
        log.error("%s failed: %s", event_method, getattr(sys.exc_info()[0], "__name__", ""))

    async def sign_in(self, api: str, token: str) -> None:
        """Show the token, and learn where the gateway is, and how many sessions it lets begin today (`sessions_left`).

        Args:
            api: the HTTP API's base address; it counts for the whole process, as the library keeps it.
            token: the bot's.

        Raises:
            ChannelAway: the gateway's address is not as safe as the API's.
        """
        Route.BASE = api.rstrip("/")
        await self.login(token)
        _, gateway, started = await self.http.get_bot_gateway()
        self.sessions_left = started["remaining"]
        wanted = "wss" if api.startswith("https:") else "ws"
        if yarl.URL(gateway).scheme != wanted:
            raise ChannelAway("Discord's gateway is not where it should be", why=f"its address is no {wanted}: address")
        DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(gateway)
