"""What comes in from Discord, as the bot reads it. What did not happen in our guild, or alone with the bot, is nothing.

In the chat of operations everybody sees what is asked and answered. Anywhere else in the guild an answer is shown to
who asked alone; what is told later goes to them directly.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import discord

from noc.agent.bot.commands import LINK
from noc.agent.bot.transport import Incoming, MessageRef
from noc.agent.discord.commands import Command
from noc.fleet.chatting import Discord

CHANNEL: Final = "discord"
DIRECT: Final = "direct:"
"""Stands before a person's number in the name of a chat that is theirs and the bot's."""


def read(
    interaction: discord.Interaction, settings: Discord, commands: Mapping[str, Command], now: datetime
) -> Incoming | None:
    """What somebody did; None where it is nothing for us.

    Args:
        interaction: as it came.
        settings: our guild and the chat of operations.
        commands: those that are registered, by name.
        now: the time, UTC.
    """
    data: dict[str, Any] = dict(interaction.data or {})
    name = str(data.get("name"))
    message = interaction.message
    if interaction.guild_id not in {None, settings.guild} or interaction.user.bot:
        return None
    if interaction.type is discord.InteractionType.application_command and interaction.guild_id and name in commands:
        text, button = commands[name].text(data.get("options") or ()), ""
    elif interaction.type is discord.InteractionType.component and message is not None:
        text, button = "", str(data.get("custom_id", ""))
    else:
        return None
    seen = interaction.channel_id == settings.channel and name != LINK
    private = not seen or (message is not None and message.flags.ephemeral)
    chat = f"{DIRECT}{interaction.user.id}" if private else str(settings.channel)
    stands = message is not None and button in _on(message)
    return Incoming(
        channel=CHANNEL,
        id=str(interaction.user.id),
        chat=chat,
        private=private,
        name=interaction.user.name[:64],
        text=text,
        button=button,
        message=MessageRef(CHANNEL, chat, str(message.id)) if message is not None and stands else None,
        handle=str(interaction.id),
        age_s=max(0.0, (now - interaction.created_at).total_seconds()),
    )


def _on(message: discord.Message) -> set[str | None]:
    """What the buttons of a message hold."""
    rows = (row for row in message.components if isinstance(row, discord.ActionRow))
    return {item.custom_id for row in rows for item in row.children}
