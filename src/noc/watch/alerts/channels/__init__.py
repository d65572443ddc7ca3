"""Ways to reach a person: one file a channel. A channel sends one message, or says when to try again."""

from dataclasses import dataclass
from typing import Literal, Protocol

Level = Literal["SEV1", "SEV2", "recovery", "notice", "briefing"]


@dataclass(frozen=True)
class Message:
    """What a person gets to read.

    Attributes:
        id: the same for every attempt to send the same alert, so that a receiver can drop a repetition.
        level: how loud it is.
        click: the page that shows more; "" for none.
        acknowledge: the address that acknowledges the incident, good once; "" where there is nothing to take over.
    """

    id: str
    level: Level
    title: str
    text: str
    click: str = ""
    acknowledge: str = ""


class NotSent(Exception):
    """The message did not go out.

    Attributes:
        after: seconds to wait at least, where the receiver said so.
        others: whether other messages on this channel are worth a try before that.
    """

    def __init__(self, why: str, *, after: float = 0, others: bool = False) -> None:
        """Keep why, which may hold no secret: it is stored and shown."""
        super().__init__(why)
        self.after, self.others = after, others


class Channel(Protocol):
    """One way out."""

    @property
    def name(self) -> str:
        """Its name, as the outbox and the page show it."""
        ...

    async def send(self, message: Message) -> None:
        """Send one message; the caller limits the time.

        Raises:
            NotSent: it must be tried again.
        """
        ...
