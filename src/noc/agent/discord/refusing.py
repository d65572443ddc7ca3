"""What Discord's refusals and silences mean to the bot (https://docs.discord.com/developers/topics/opcodes-and-status-codes).

No error of the library goes on from here: what is behind it can hold an address in which an interaction's token stands.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import discord

from noc.agent.bot.errors import ChannelAway, ChatRefused, MessageGone, TokenRefused
from noc.errors import NocError

T = TypeVar("T")
CALL_S = 15.0
"""Seconds that one call may take, with the pauses that the API asks for."""
UNKNOWN_MESSAGE, UNKNOWN_WEBHOOK, UNKNOWN_INTERACTION = 10008, 10015, 10062
ALREADY_ANSWERED, FOREIGN_MESSAGE, OVER = 40060, 50005, 50027
_TOO_OLD = frozenset((UNKNOWN_WEBHOOK, UNKNOWN_INTERACTION, ALREADY_ANSWERED, OVER))
_INVITE = (
    "invite the bot to the guild with the scopes bot and applications.commands; it views and writes in the channel"
)


class TooOld(Exception):
    """The command or the press has waited too long for an answer, or has had one."""


async def told(act: Callable[[], Awaitable[T]], within_s: float | None = CALL_S) -> T:
    """What a call returns; what it raises is said in the bot's own errors.

    Args:
        act: the call.
        within_s: seconds that it may take; None for what lasts as long as it goes well.

    Raises:
        ChannelAway, ChatRefused, MessageGone, TokenRefused: as their names say.
        TooOld: as its own does.
    """
    try:
        async with asyncio.timeout(within_s):
            return await act()
    except NocError:
        raise
    except Exception as refused:  # noqa: BLE001 - the library stumbles in many ways over what comes from outside
        meaning = meant(refused)
    raise meaning


def meant(refused: Exception) -> NocError | TooOld:
    """What an error of the library, or of the connection below it, means to the bot."""
    if isinstance(refused, discord.LoginFailure) or getattr(refused, "code", 0) == 4004:
        fix = "make a new one in Discord's developer portal, then on HQ: noc hub secret set discord_token"
        return TokenRefused("Discord does not take the bot's token", fix=fix)
    if isinstance(refused, discord.HTTPException):
        return _answered(refused)
    if isinstance(refused, discord.ConnectionClosed | discord.PrivilegedIntentsRequired):
        return ChannelAway("Discord's gateway has hung up", why=f"its code is {getattr(refused, 'code', 4014)}")
    if isinstance(refused, discord.RateLimited):
        return ChannelAway(
            "Discord hears nothing more for now", why=f"it asks for a pause of {refused.retry_after:g} s"
        )
    return ChannelAway("Discord does not answer", why=type(refused).__name__)


def _answered(refused: discord.HTTPException) -> NocError | TooOld:
    if refused.code in _TOO_OLD:
        return TooOld()
    words = " ".join(refused.text.split())[:300]
    if refused.code in {UNKNOWN_MESSAGE, FOREIGN_MESSAGE}:
        return MessageGone("the message is not there any more", why=words)
    if refused.status == 401:
        return TokenRefused("Discord does not take the bot's token", why=words, fix="noc hub secret set discord_token")
    if refused.status == 429 or refused.status >= 500:
        return ChannelAway("Discord does not answer", why=f"{refused.status} {words}")
    fix = _INVITE if refused.status in {403, 404} else ""
    return ChatRefused("Discord does not let the bot do that", why=words, fix=fix)
