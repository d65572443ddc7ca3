"""The whole way from a chat to a run: Telegram's stand-in, the client, the bot, and a runner whose machines are
stand-ins; people talk and press buttons at Telegram."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bot_kit import OLGA, Hq, at_work
from noc.agent.bot.kept import Keeper
from noc.agent.telegram.client import TelegramTransport
from telegram_kit import GROUP, TOKEN, Chat, telegram

DEPLOY = "/deploy all 1.1.0"


@dataclass
class Talk:
    """What people do and see at Telegram, and HQ behind it."""

    chat: Chat
    hq: Hq

    async def message(self, label: str, where: int = GROUP) -> dict[str, Any]:
        """The newest message with a button of this label."""

        def found() -> dict[str, Any] | None:
            return next((each for each in reversed(self.chat.messages(where)) if label in buttons(each)), None)

        message: dict[str, Any] = await self.chat.until(found)
        return message

    async def asked(self, person: int = OLGA) -> dict[str, Any]:
        """Somebody asks for a plan and begins it; the message in the group that asks for an agreement."""
        self.chat.say(person, DEPLOY, GROUP)
        plan = await self.message("Begin")
        self.chat.press(person, buttons(plan)["Begin"], plan["message_id"])
        return await self.message("Approve")

    async def press(self, person: int, message: dict[str, Any], label: str) -> str:
        """Press a button of a message as it was seen, though it may have gone since; what who pressed is told."""
        query = self.chat.press(person, buttons(message)[label], message["message_id"])

        def answer() -> list[str]:
            return [str(each["text"] or "") for each in self.chat.act("answers") if each["query"] == query]

        told: list[str] = await self.chat.until(answer)
        return told[0]


def buttons(message: dict[str, Any]) -> dict[str, str]:
    """The data of a message's buttons, by their labels."""
    return {button["text"]: button["callback_data"] for row in message["keyboard"] for button in row}


@asynccontextmanager
async def talking(hq: Hq, folder: Path) -> AsyncIterator[Talk]:
    """The bot is at work at Telegram."""
    with telegram() as chat:
        transport = TelegramTransport(chat.settings, TOKEN, Keeper(folder / "telegram.json"))
        try:
            async with at_work(hq.doors, transport, state=folder / "bot.json"):
                yield Talk(chat, hq)
        finally:
            await transport.close()
