"""The seam between the bot and a chat service: what comes in, what goes out, and what a service has to offer.

Everything that decides stands behind this seam; a channel only carries. Telegram and Discord implement `Transport`,
each with its own client library; tests bring one that keeps everything in memory.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from noc.agent.words.message import Message

Channel = Literal["telegram", "discord"]
Style = Literal["plain", "good", "bad"]
MAX_BUTTON_BYTES = 64
"""Telegram's bound of `callback_data` (https://core.telegram.org/bots/api#inlinekeyboardbutton); Discord's is 100."""


@dataclass(frozen=True)
class MessageRef:
    """A message that was sent, so that it can be edited; it survives a restart of the bot.

    Attributes:
        channel: where it stands.
        chat: in which chat, as the channel names it.
        id: the message's own id there.
    """

    channel: Channel
    chat: str
    id: str


@dataclass(frozen=True)
class Button:
    """Something to press under a message.

    Attributes:
        label: what stands on it.
        data: what comes back as `Incoming.button`: at most 64 bytes, opaque, no secret.
        style: how it looks, where the channel can show that.
    """

    label: str
    data: str
    style: Style = "plain"


@dataclass(frozen=True)
class Incoming:
    """Something that somebody did in a chat: a text or a command, or a button that was pressed.

    Attributes:
        channel: where.
        id: the account, a decimal string; who that is, the runner alone says.
        chat: the chat in which it happened, to which an answer goes.
        private: whether nobody but this account and the bot reads that chat.
        name: what the account calls itself; for the log alone, since it may be anything.
        text: what was said, `/deploy all 1.4.2`; "" for a button. A slash command is brought into this form.
        button: the data of the button that was pressed, "" for a text.
        message: the message under which the button stands; None where none has it any more.
        handle: what the channel needs to answer exactly this, such as the id of a callback query or an interaction.
        age_s: seconds since it was said, where the channel tells; what waited while the bot was away is old.
    """

    channel: Channel
    id: str
    chat: str
    private: bool
    name: str = ""
    text: str = ""
    button: str = ""
    message: MessageRef | None = None
    handle: str = ""
    age_s: float = 0


Handler = Callable[[Incoming], Awaitable[None]]
"""Takes what came in. It returns once everything was said that is an answer to it; where it said nothing, the channel
shows nothing either, as to a stranger. It does not raise. Two calls may be under way at once."""


@dataclass(frozen=True)
class Reach:
    """What `noc bot check` finds of a channel whose token works.

    Attributes:
        bot: what the bot is called there.
        chat: what the chat is called in which requests are told.
    """

    bot: str
    chat: str


class Transport(Protocol):
    """A chat service. Its calls raise errors of `noc.agent.bot.errors` alone, which hold no secret."""

    @property
    def channel(self) -> Channel:
        """Its name."""

    @property
    def operations_chat(self) -> str:
        """The chat in which requests, runs and briefings are told."""

    async def send(
        self, chat: str, message: Message, buttons: Sequence[Button] = (), *, reply_to: Incoming | None = None
    ) -> MessageRef:
        """Say something.

        Args:
            chat: where.
            message: what; the channel escapes it, cuts it to what it takes, and mentions nobody.
            buttons: in one row under it.
            reply_to: what this answers, if it does.
        """

    async def edit(self, ref: MessageRef, message: Message, buttons: Sequence[Button] = ()) -> None:
        """Replace a message, and its buttons; one that stands there already as it should is no error."""

    async def answer(self, press: Incoming, text: str = "") -> None:
        """Say something to who pressed a button, and to nobody else. A press that is too old is no error."""

    async def run(self, handler: Handler) -> None:
        """Hand everything that comes in to a handler, until cancelled; whatever fails on the way is tried again."""

    async def reach(self) -> Reach:
        """Whether the token works and the chat can be reached, for `noc bot check`."""

    async def close(self) -> None:
        """Let its connections go; nothing else is called after it."""
