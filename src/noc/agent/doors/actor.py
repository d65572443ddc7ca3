"""Who stands behind a request that comes from chat or from a model."""

from dataclasses import dataclass
from typing import Literal, Self

from noc.fleet.model import Role

Channel = Literal["mcp", "telegram", "discord"]
AGENT = "noc-agent"
"""The login of HQ as which a model acts."""


@dataclass(frozen=True)
class Actor:
    """A person in a chat, or the model.

    Attributes:
        name: the person, as fleet.toml names them; `noc-agent` for the model.
        role: what fleet.toml says of the person; the model's is always `agent`.
        channel: where the words came from.
        id: the person's number there, in decimal; "" for the model.
    """

    name: str
    role: Role
    channel: Channel
    id: str = ""

    @classmethod
    def model(cls) -> Self:
        """The model, which acts as the login that the door sees, and as nobody else."""
        return cls(AGENT, "agent", "mcp")

    @property
    def vouched(self) -> dict[str, str] | None:
        """What goes along as `for` with requests to the runner, which finds the person itself; None for the model."""
        return {"channel": self.channel, "id": self.id} if self.id else None

    @property
    def person(self) -> str:
        """Whom the watch is told that a request is for; "" for the model."""
        return self.name if self.id else ""
