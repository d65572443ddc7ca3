"""What can go wrong between the bot and a chat. Codes E865 to E869."""

from noc.errors import NocError


class ChannelAway(NocError):
    """The chat service does not answer, or asks us to wait for longer than is worth it.

    The bot goes on trying. Meanwhile `noc pending`, `noc approve` and the watch's pages do the same on HQ.
    """

    code, exit_code = "E865", 8


class ChatRefused(NocError):
    """The chat service does not let the bot into a chat: it was blocked or put out, or there is no such chat."""

    code, exit_code = "E866", 5


class MessageGone(NocError):
    """A message that was to be edited is not there any more, or may not be edited. The bot says it anew instead."""

    code, exit_code = "E867", 4


class TokenRefused(NocError):
    """The chat service does not take the bot's token: it was withdrawn, or it is another bot's.

    Who makes bots there can make a new one, which goes to HQ with `noc hub secret set`.
    """

    code, exit_code = "E869", 6


class NoChannel(NocError):
    """No chat is configured, so that there is nothing for the bot to do.

    A chat is configured once fleet.toml has its part, `[telegram]` or `[discord]`, and HQ has its token.
    """

    code, exit_code = "E868", 6
