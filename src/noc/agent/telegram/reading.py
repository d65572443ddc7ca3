"""What comes in from Telegram, as the bot reads it. What no person has said to the bot is nothing."""

import json
import re
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from noc.agent.bot.transport import Incoming, MessageRef

if TYPE_CHECKING:
    from telegram import CallbackQuery, Message, Update

CHANNEL: Final = "telegram"
_COMMAND = re.compile(r"^(?P<command>/\w{1,32})(?:@(?P<bot>\w+))?(?=\s|$)")


def raw_updates(body: bytes) -> list[dict[str, Any]]:
    """The updates of an answer as they came, each with a number at least; none where it is no such answer."""
    try:
        found = json.loads(body)["result"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return []
    whole = found if isinstance(found, list) else []
    return [each for each in whole if isinstance(each, dict) and isinstance(each.get("update_id"), int)]


def read(update: "Update", bot: str, now: datetime) -> Incoming | None:
    """What somebody did; None where it is nothing for us.

    Args:
        update: as it came.
        bot: our own name there, without the @.
        now: the time, UTC.
    """
    if update.callback_query is not None:
        return _press(update.callback_query)
    if update.message is not None:
        return _said(update.message, bot, now)
    return None


def _said(message: "Message", bot: str, now: datetime) -> Incoming | None:
    """A text. One that was passed on is somebody else's, and one of a chat or a bot is nobody's."""
    person, text = message.from_user, message.text or ""
    passed_on = message.forward_origin is not None or message.via_bot is not None or message.sender_chat is not None
    if person is None or person.is_bot or passed_on or not text:
        return None
    if command := _COMMAND.match(text):
        if command["bot"] and command["bot"].lower() != bot.lower():
            return None
        text = command["command"] + text[command.end() :]
    return Incoming(
        channel=CHANNEL,
        id=str(person.id),
        chat=str(message.chat.id),
        private=message.chat.type == "private",
        name=person.full_name[:64],
        text=text,
        handle=str(message.message_id),
        age_s=max(0.0, (now - message.date).total_seconds()),
    )


def _press(query: "CallbackQuery") -> Incoming | None:
    """A button. Its data are whatever the person's program has sent; the message counts only where they stand there."""
    message = query.message
    if message is None or query.from_user.is_bot or not isinstance(query.data, str):
        return None
    chat = str(message.chat.id)
    return Incoming(
        channel=CHANNEL,
        id=str(query.from_user.id),
        chat=chat,
        private=message.chat.type == "private",
        name=query.from_user.full_name[:64],
        button=query.data,
        message=MessageRef(CHANNEL, chat, str(message.message_id)) if _stands(query.data, message) else None,
        handle=query.id,
    )


def _stands(data: str, message: object) -> bool:
    """Whether a message has a button with some data now; of one that is too old Telegram shows none."""
    markup = getattr(message, "reply_markup", None)
    return markup is not None and any(button.callback_data == data for row in markup.inline_keyboard for button in row)
