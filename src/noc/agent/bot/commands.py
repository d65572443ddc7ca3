"""Commands as people write them in a chat."""

from dataclasses import dataclass

from noc.agent.verbs.table import COMMANDS

HELP = frozenset({"help", "start"})
"""What is answered with a list of commands; `start` is the first thing that Telegram sends."""
LINK = "link"
_LONGEST = 4096


@dataclass(frozen=True)
class Command:
    """A command: its name without the slash, in small letters, and the words behind it."""

    name: str
    words: tuple[str, ...]


def read_command(text: str) -> Command | None:
    """A command; None for a text that is none."""
    name, *words = text[:_LONGEST].split() or [""]
    return Command(name[1:33].lower(), tuple(words)) if name.startswith("/") and len(name) > 1 else None


def menu() -> list[tuple[str, str, str]]:
    """For a chat's own menu: each command, what follows it, and what it is for."""
    return [*((name, verb.usage, verb.title) for name, verb in COMMANDS.items()), ("help", "", "What works here")]
