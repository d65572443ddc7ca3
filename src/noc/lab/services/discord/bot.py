"""The one bot."""

from dataclasses import dataclass, field

from noc.lab.services.discord.documents import user
from noc.lab.services.refusals import Document


@dataclass
class Bot:
    """Who calls the API.

    Attributes:
        token: by which it is known.
        member: whether it belongs to the guild.
        document: as the API shows it.
    """

    token: str
    member: bool = True
    document: Document = field(default_factory=lambda: user("1000", "noc") | {"bot": True})

    @property
    def id(self) -> str:
        """Its number."""
        return str(self.document["id"])
