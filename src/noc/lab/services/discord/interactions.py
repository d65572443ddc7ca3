"""Commands and presses, and how far each is answered."""

import hmac
import secrets
import time
from collections import OrderedDict
from dataclasses import dataclass, field

from noc.lab.services import KEPT
from noc.lab.services.discord.bot import Bot
from noc.lab.services.discord.channels import Channels
from noc.lab.services.discord.documents import member, snowflake
from noc.lab.services.discord.gateway import Gateway
from noc.lab.services.discord.messages import Messages
from noc.lab.services.discord.refusals import Refused
from noc.lab.services.refusals import Document

ACKNOWLEDGE_S = 3.0
TOKEN_S = 900.0


@dataclass
class Interaction:
    """A command or a press, until its token is worth nothing any more."""

    id: str
    token: str
    user: str
    channel: str
    source: str | None
    """The message under which a button was pressed."""
    began: float = field(default_factory=time.monotonic)
    acknowledged_after: float | None = None
    ephemeral: bool = False
    original: str | None = None
    """The message that answers it."""
    within_s: float = ACKNOWLEDGE_S

    def state(self) -> str:
        """As its person sees it."""
        if self.acknowledged_after is not None:
            return "acknowledged"
        return "waiting" if time.monotonic() - self.began < self.within_s else "did not respond"


class Interactions:
    """All of them.

    Attributes:
        known: by number, in the order of time.
    """

    def __init__(self, bot: Bot, channels: Channels, messages: Messages, gateway: Gateway, within_s: float) -> None:
        self._bot, self._channels, self._messages, self._gateway = bot, channels, messages, gateway
        self._within_s = within_s
        self.known: OrderedDict[str, Interaction] = OrderedDict()

    def begin(self, kind: int, person: Document, channel: str, data: Document, source: str | None) -> Interaction:
        """A person uses a command (2) or a button (3)."""
        token = secrets.token_urlsafe(32)
        interaction = Interaction(snowflake(), token, person["id"], channel, source, within_s=self._within_s)
        self.known[interaction.id] = interaction
        if len(self.known) > KEPT:
            self.known.popitem(last=False)
        where, guild = self._channels.known[channel], self._channels.guild
        document: Document = {"id": interaction.id, "application_id": self._bot.id, "type": kind, "data": data}
        document |= {"channel_id": channel, "channel": where, "token": token, "version": 1, "locale": "en-GB"}
        document |= {"entitlements": [], "authorizing_integration_owners": {"0": guild}, "app_permissions": "0"}
        document["attachment_size_limit"] = 10 << 20
        if where["type"] == 0:
            document |= {"guild_id": guild, "guild_locale": "en-GB", "context": 0, "member": member(person)}
        else:
            document |= {"context": 1, "user": person}
        if source is not None:
            document["message"] = self._messages.known[source]
        self._gateway.dispatch("INTERACTION_CREATE", document)
        return interaction

    def answerable(self, number: str, token: str) -> Interaction:
        """An interaction that has had no answer yet. Raises Refused 10062 or 40060."""
        found = self.known.get(number)
        if found is None or not hmac.compare_digest(found.token.encode(), token.encode()):
            raise Refused(404, 10062, "Unknown interaction")
        if found.acknowledged_after is not None:
            raise Refused(400, 40060, "Interaction has already been acknowledged.")
        if found.state() != "waiting":
            raise Refused(404, 10062, "Unknown interaction")
        return found

    def followed(self, token: str) -> Interaction:
        """An interaction that was answered, for what comes after it. Raises Refused 10015 or 50027."""
        for found in self.known.values():
            if hmac.compare_digest(found.token.encode(), token.encode()) and found.acknowledged_after is not None:
                if time.monotonic() - found.began > TOKEN_S:
                    raise Refused(401, 50027, "Invalid Webhook Token")
                return found
        raise Refused(404, 10015, "Unknown Webhook")
