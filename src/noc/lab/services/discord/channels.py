"""The guild's channels, and those that the bot and one person share."""

from noc.lab.services.discord.bot import Bot
from noc.lab.services.discord.documents import SEND, VIEW, member, snowflake, user
from noc.lab.services.discord.refusals import Refused
from noc.lab.services.refusals import Document


class Channels:
    """All of them.

    Attributes:
        guild: its number.
        known: by number.
        permissions: what the bot may do in each.
        closed_to: people who take no messages.
    """

    def __init__(self, bot: Bot, guild: str) -> None:
        self.guild, self._bot = guild, bot
        self.known: dict[str, Document] = {}
        self.permissions: dict[str, int] = {}
        self.closed_to: set[str] = set()

    def open(self, channel: str, name: str) -> Document:
        """A text channel of the guild, in which the bot may read and write."""
        self.permissions[channel] = VIEW | SEND
        self.known[channel] = {"id": channel, "type": 0, "guild_id": self.guild, "name": name, "position": 0}
        self.known[channel] |= {"permission_overwrites": [], "nsfw": False, "parent_id": None}
        return self.known[channel]

    def direct(self, number: str) -> Document:
        """The channel that the bot and one person share. Raises Refused 50033 for nobody."""
        if not number.isdecimal() or number == self._bot.id:
            raise Refused(400, 50033, "Invalid Recipient(s)")
        found = [channel for channel in self.known.values() if channel.get("recipient") == number]
        if not found:
            channel = {"id": snowflake(), "type": 1, "recipients": [user(number, "")], "recipient": number}
            self.known[str(channel["id"])] = channel
            self.permissions[str(channel["id"])] = VIEW | SEND
            return channel
        return found[0]

    def guild_document(self) -> Document:
        """The guild as GUILD_CREATE tells of it."""
        everyone = {"id": self.guild, "name": "@everyone", "permissions": str(VIEW | SEND), "position": 0, "color": 0}
        everyone |= {"hoist": False, "managed": False, "mentionable": False, "flags": 0, "colors": {"primary_color": 0}}
        channels = [channel for channel in self.known.values() if channel["type"] == 0]
        members = [member(self._bot.document)]
        document = {"id": self.guild, "name": "The fleet", "unavailable": False, "owner_id": "1", "member_count": 2}
        return document | {"roles": [everyone], "channels": channels, "members": members, "threads": []}

    def reachable(self, channel: str, need: int) -> Document:
        """A channel that the bot may use. Raises Refused 10003, 50001 or 50013."""
        found = self.known.get(channel)
        if found is None:
            raise Refused(404, 10003, "Unknown Channel")
        direct = "recipient" in found
        if not self.permissions[channel] & VIEW or not (self._bot.member or direct):
            raise Refused(403, 50001, "Missing Access")
        if need & ~self.permissions[channel]:
            raise Refused(403, 50013, "Missing Permissions")
        if direct and found["recipient"] in self.closed_to:
            raise Refused(403, 50007, "Cannot send messages to this user")
        return found
