"""Who may speak to the agent in a chat."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

Channel = Literal["telegram", "discord"]
SPEAKERS = frozenset({"viewer", "operator", "approver"})


@dataclass(frozen=True)
class Sender:
    """A person's identity in a chat.

    Attributes:
        channel: the chat service.
        number: the person's id there, decimal digits.
        role: the person's, in fleet.toml.
    """

    channel: Channel
    number: str
    role: str

    @property
    def asks(self) -> bool:
        """Whether the agent may prepare and begin something for them; it may read for everybody who is listed."""
        return self.role in {"operator", "approver"}


def senders(principals: Iterable[Mapping[str, Any]]) -> list[Sender]:
    """The linked identities of people, as the runner lists them; never an agent's, nor one of somebody who left."""
    return sorted(
        (
            Sender(identity["channel"], str(identity["id"]), each["role"])
            for each in principals
            if each["role"] in SPEAKERS
            for identity in each["identities"]
        ),
        key=lambda sender: (sender.channel, int(sender.number)),
    )
