"""What the bot says to an interaction."""

import time

from noc.lab.services.discord.forms import check_message
from noc.lab.services.discord.interactions import Interaction
from noc.lab.services.discord.messages import EPHEMERAL, LOADING, NO_EMBEDS
from noc.lab.services.discord.refusals import Refused, form
from noc.lab.services.discord.request import Request
from noc.lab.services.discord.service import Discord
from noc.lab.services.refusals import Document


class Answers:
    """The part of the HTTP API that stands below `/interactions/` and `/webhooks/`."""

    def __init__(self, discord: Discord) -> None:
        self._discord, self._messages = discord, discord.messages

    def acknowledge(self, request: Request, number: str, token: str) -> Document | None:
        """The first answer, which has to come in three seconds. Raises Refused."""
        interaction = self._discord.interactions.answerable(number, token)
        body = request.document()
        kind, data = body.get("type"), body.get("data") or {}
        if kind not in {4, 5} and not (kind in {6, 7} and interaction.source):
            raise form("type", "BASE_TYPE_CHOICES", "Value must be one of (4, 5, 6, 7).")
        check_message(data, sends=kind == 4)
        interaction.ephemeral = bool(int(data.get("flags") or 0) & EPHEMERAL)
        interaction.acknowledged_after = time.monotonic() - interaction.began
        if kind in {4, 5}:
            interaction.original = self._say(interaction, data, LOADING if kind == 5 else 0)["id"]
        else:
            interaction.original = interaction.source
            if kind == 7 and interaction.source:
                self._messages.change(self._messages.known[interaction.source], data)
        return self._with_response(interaction, kind) if request.query.get("with_response") in {"1", "true"} else None

    def _with_response(self, interaction: Interaction, kind: int) -> Document:
        about: Document = {"id": interaction.id, "type": 3 if interaction.source else 2}
        about |= {"response_message_id": interaction.original, "response_message_loading": kind == 5}
        about["response_message_ephemeral"] = interaction.ephemeral
        message = {"message": self._messages.known[interaction.original]} if interaction.original else {}
        return {"interaction": about, "resource": {"type": kind} | (message if kind in {4, 7} else {})}

    def _say(self, interaction: Interaction, body: Document, flags: int) -> Document:
        flags |= int(body.get("flags") or 0) & (EPHEMERAL | NO_EMBEDS)
        message = self._messages.say(interaction.channel, body, flags=flags)
        return message | {"webhook_id": self._discord.bot.id, "application_id": self._discord.bot.id}

    def follow(self, request: Request, token: str) -> Document:
        """Something more that is said. Raises Refused."""
        interaction = self._discord.interactions.followed(token)
        body = request.document()
        check_message(body, sends=True)
        original = self._messages.known.get(interaction.original or "")
        if original and original["flags"] & LOADING:  # the first one after a deferred answer takes its place
            original["flags"] |= int(body.get("flags") or 0) & NO_EMBEDS
            return self._messages.change(original, body)
        return self._say(interaction, body, 0)

    def original(self, token: str, message: str = "@original") -> Document:
        """An answer that stands. Raises Refused."""
        interaction = self._discord.interactions.followed(token)
        found = self._messages.known.get(interaction.original or "" if message == "@original" else message)
        if found is None or found["channel_id"] != interaction.channel:
            raise Refused(404, 10008, "Unknown Message")
        return found

    def edit(self, request: Request, token: str, message: str) -> Document:
        """Change an answer. Raises Refused."""
        return self._messages.change(self.original(token, message), request.document())

    def delete(self, _: Request, token: str, message: str) -> None:
        """Take an answer back. Raises Refused."""
        del self._messages.known[self.original(token, message)["id"]]
