"""What was said, in all channels."""

import re
from collections import OrderedDict

from noc.lab.services import KEPT
from noc.lab.services.discord.bot import Bot
from noc.lab.services.discord.documents import snowflake, stamp
from noc.lab.services.discord.forms import check_message
from noc.lab.services.discord.refusals import Refused
from noc.lab.services.refusals import Document

NO_EMBEDS, EPHEMERAL, LOADING = 1 << 2, 1 << 6, 1 << 7


def pinged(content: str, allowed: Document | None) -> list[str]:
    """Whom a message calls: all that it names, unless `allowed_mentions` says otherwise."""
    parse = ("everyone", "users", "roles") if allowed is None else tuple(allowed.get("parse") or ())
    found = [word for word in re.findall(r"@everyone|@here", content) if "everyone" in parse]
    users = re.findall(r"<@!?(\d+)>", content)
    found += [user for user in users if "users" in parse or user in ((allowed or {}).get("users") or ())]
    roles = re.findall(r"<@&(\d+)>", content)
    return found + [role for role in roles if "roles" in parse or role in ((allowed or {}).get("roles") or ())]


class Messages:
    """All of them.

    Attributes:
        known: by number, in the order of time.
        edits: the texts that each had, in order.
        pings: whom each has called.
    """

    def __init__(self, bot: Bot) -> None:
        self._bot = bot
        self.known: OrderedDict[str, Document] = OrderedDict()
        self.edits: OrderedDict[str, list[str]] = OrderedDict()
        self.pings: dict[str, list[str]] = {}

    def say(self, channel: str, body: Document, *, flags: int = 0) -> Document:
        """Keep a message of the bot."""
        message: Document = {"id": snowflake(), "channel_id": channel, "author": self._bot.document, "type": 0}
        message |= {"content": body.get("content") or "", "timestamp": stamp(), "edited_timestamp": None, "tts": False}
        message |= {"mention_everyone": False, "mentions": [], "mention_roles": [], "attachments": [], "embeds": []}
        message |= {"pinned": False, "components": body.get("components") or [], "flags": flags}
        self.known[message["id"]], self.edits[message["id"]] = message, [message["content"]]
        self.pings[message["id"]] = pinged(message["content"], body.get("allowed_mentions"))
        if len(self.known) > KEPT:
            gone, _ = self.known.popitem(last=False)
            self.edits.pop(gone), self.pings.pop(gone)
        return message

    def change(self, message: Document, body: Document) -> Document:
        """Edit a message: what is given replaces what was."""
        check_message(body, sends=False)
        message["flags"] &= ~LOADING
        message |= {name: body[name] or "" for name in ("content",) if name in body}
        message |= {name: body[name] or [] for name in ("components",) if name in body}
        message["edited_timestamp"] = stamp()
        self.edits[message["id"]].append(message["content"])
        self.pings[message["id"]] += pinged(message["content"], body.get("allowed_mentions"))
        return message

    def own(self, channel: str, message: str) -> Document:
        """A message of the bot that everybody sees. Raises Refused 10008."""
        found = self.known.get(message)
        if found is None or found["channel_id"] != channel or found["flags"] & EPHEMERAL:
            raise Refused(404, 10008, "Unknown Message")
        return found
