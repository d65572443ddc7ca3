"""One guild with its channels, one bot, and all that was said."""

from noc.lab.services.discord.bot import Bot
from noc.lab.services.discord.channels import Channels
from noc.lab.services.discord.gateway import Gateway
from noc.lab.services.discord.interactions import ACKNOWLEDGE_S, Interactions
from noc.lab.services.discord.limits import Limits
from noc.lab.services.discord.messages import Messages
from noc.lab.services.refusals import Document

HEARTBEAT_S = 41.25
IDENTIFY_S = 5.0


class Discord:
    """The whole service, without what carries it.

    Attributes:
        commands: the guild's.
        broken: answers that the edge gives next, instead of the API.
    """

    def __init__(
        self,
        token: str,
        guild: str,
        channel: str,
        *,
        heartbeat_s: float = HEARTBEAT_S,
        identify_s: float = IDENTIFY_S,
        acknowledge_s: float = ACKNOWLEDGE_S,
    ) -> None:
        """A guild with one channel.

        Args:
            token: the bot's.
            guild, channel: numbers.
            heartbeat_s: how often a connection has to beat.
            identify_s: how far apart sessions begin.
            acknowledge_s: how long a person waits for an answer.
        """
        self.bot, self.limits = Bot(token), Limits()
        self.channels, self.messages = Channels(self.bot, guild), Messages(self.bot)
        self.gateway = Gateway(self.bot, self.channels, heartbeat_s, identify_s)
        self.interactions = Interactions(self.bot, self.channels, self.messages, self.gateway, acknowledge_s)
        self.commands: list[Document] = []
        self.broken = 0
        self.channels.open(channel, "operations")
