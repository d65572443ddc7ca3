"""What can go wrong between the bot and Telegram. Codes E870 to E872."""

from noc.agent.bot.errors import ChannelAway


class AnswerUnreadable(ChannelAway):
    """Telegram, or whoever answers in its place, says something that its library cannot read.

    The bot passes over that one answer and goes on. `api` in [telegram] of fleet.toml names who is asked.
    """

    code = "E870"
