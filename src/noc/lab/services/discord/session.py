"""What a bot is sent by the gateway, also while it is away for a moment."""

from collections import deque
from dataclasses import dataclass, field
from typing import Protocol

from noc.lab.services.discord.websocket import WebSocket
from noc.lab.services.refusals import Document


class Line(Protocol):
    """What leads to the bot."""

    socket: WebSocket

    def send(self, payload: Document) -> None:
        """Send one payload."""


@dataclass
class Session:
    """One session: it ends when the bot says so, or when it is forgotten."""

    id: str
    intents: int
    seq: int = 0
    events: deque[Document] = field(default_factory=lambda: deque(maxlen=1000))
    connection: Line | None = None

    def dispatch(self, name: str, data: Document) -> None:
        """Send an event, and keep it for one who comes back."""
        self.seq += 1
        event = {"op": 0, "t": name, "s": self.seq, "d": data}
        self.events.append(event)
        if self.connection:
            self.connection.send(event)
