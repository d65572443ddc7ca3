"""Slash commands: what each looks like in Discord's menu, and the text that a use of it stands for.

Source: https://docs.discord.com/developers/interactions/application-commands
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

MAX_WORDS = 100
"""Characters of a description."""
MAX_VALUE = 500
"""Characters of an option that we take; a digest, a reason or many nodes are shorter."""
_TEXT = 3
_NAMED = re.compile(r"[^a-z0-9_-]+")


@dataclass(frozen=True)
class Option:
    """What follows a command.

    Attributes:
        words: as the usage has it, without brackets: `all|NODE...`.
        needed: whether it has to be there.
    """

    words: str
    needed: bool

    @property
    def name(self) -> str:
        """What it is called in the menu: `nodes`."""
        last = self.words.rpartition("|")[2]
        return _NAMED.sub("", last.lower()) + ("s" if last.endswith("...") else "")

    def payload(self) -> dict[str, Any]:
        """As it is registered. A word in small letters is itself what is said, or not."""
        about: dict[str, Any] = {"type": _TEXT, "name": self.name, "required": self.needed}
        about["description"] = self.words[:MAX_WORDS]
        if self.words.islower():
            return about | {"choices": [{"name": self.words, "value": self.words}]}
        return about | {"max_length": MAX_VALUE}


@dataclass(frozen=True)
class Command:
    """A command of the bot.

    Attributes:
        name: without the slash.
        usage: what follows it, a word each in the order of the text; what may be left out stands in brackets.
        title: what it does, in few words.
    """

    name: str
    usage: str
    title: str

    @property
    def options(self) -> list[Option]:
        """What follows, in the text's order."""
        words = self.usage.split()
        options = [Option(word.strip("[]"), not word.startswith("[")) for word in words]
        return [option for option in options if option.name]

    def payload(self) -> dict[str, Any]:
        """As it is registered. What has to be there comes first, since Discord takes it in no other order."""
        options = [option.payload() for option in sorted(self.options, key=lambda option: not option.needed)]
        return {"type": 1, "name": self.name, "description": self.title[:MAX_WORDS] or self.name, "options": options}

    def text(self, given: Sequence[dict[str, Any]]) -> str:
        """The text that a use of it stands for, `/deploy all 1.4.2`.

        Args:
            given: options as an interaction holds them: `name` and `value`.
        """
        values = {str(option.get("name")): " ".join(str(option.get("value", "")).split()) for option in given}
        return " ".join(filter(None, (f"/{self.name}", *(values.get(option.name, "") for option in self.options))))
