"""What Telegram's refusals and silences mean to the bot.

No error of the library goes on from here: its texts, and those of the errors behind it, can hold the address that was
asked, and the token stands in it.
"""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TypeVar

from telegram import error

from noc.agent.bot.errors import ChannelAway, ChatRefused, MessageGone, TokenRefused
from noc.agent.telegram.errors import AnswerUnreadable
from noc.errors import NocError

T = TypeVar("T")
_NOT_MODIFIED = "message is not modified"
_TOO_OLD = "query is too old"
_GONE = ("message to edit not found", "message can't be edited", "message_id_invalid")

_MEANINGS: dict[type[error.TelegramError], Callable[[str], NocError]] = {
    error.InvalidToken: lambda _: TokenRefused(
        "Telegram does not take the bot's token",
        fix="make a new one with @BotFather, then on HQ: noc hub secret set telegram_token",
    ),
    error.Forbidden: lambda why: ChatRefused(
        "Telegram does not let the bot talk there", why=why, fix="let the bot into the chat again"
    ),
    error.Conflict: lambda why: ChannelAway(
        "another program reads what the bot is told", why=why, fix="stop it, or make a new token with @BotFather"
    ),
}


class AlreadySo(Exception):
    """The message stands there already as it should."""


class TooOld(Exception):
    """The press is too old to be answered."""


class Waiting(Exception):
    """The API asks for a pause of some seconds."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.seconds = seconds


async def told(act: Callable[[], Awaitable[T]], token: str) -> T:
    """What a call returns; what it raises is said in the bot's own errors.

    Args:
        act: the call.
        token: the secret that no text may hold.

    Raises:
        ChannelAway, ChatRefused, MessageGone, TokenRefused: as their names say.
        AlreadySo, TooOld, Waiting, AnswerUnreadable: as theirs do.
    """
    try:
        return await act()
    except error.TelegramError as refused:
        meaning = meant(refused, token)
    except (TypeError, KeyError, ValueError, AttributeError) as unread:
        meaning = AnswerUnreadable("an answer of Telegram's cannot be read", why=type(unread).__name__)
    raise meaning


def meant(refused: error.TelegramError, token: str) -> Exception:
    """The bot's own error for one of the library's."""
    words = str(refused.message).replace(token, "…")[:300]
    if isinstance(refused, error.RetryAfter):
        return Waiting(_seconds(refused.retry_after))
    if isinstance(refused, error.BadRequest):
        return _bad(words)
    for kind, meaning in _MEANINGS.items():
        if isinstance(refused, kind):
            return meaning(words)
    if isinstance(refused, error.ChatMigrated):
        fix = f"chat = {refused.new_chat_id} in [telegram] of fleet.toml"
        return ChatRefused("the chat has become another one at Telegram", fix=fix)
    return ChannelAway("Telegram does not answer", why=words or type(refused).__name__)


def _bad(words: str) -> Exception:
    if _NOT_MODIFIED in words.lower():
        return AlreadySo()
    if _TOO_OLD in words.lower():
        return TooOld()
    if any(gone in words.lower() for gone in _GONE):
        return MessageGone("the message is not there any more", why=words)
    fix = "let the bot into the chat, and give its number as chat in [telegram] of fleet.toml"
    return ChatRefused("Telegram refuses", why=words, fix=fix if "chat not found" in words.lower() else "")


def _seconds(given: float | timedelta) -> float:
    return given.total_seconds() if isinstance(given, timedelta) else float(given)
