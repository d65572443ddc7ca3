"""The bot of HQ's chats: there while the fleet file has a chat and HQ has that chat's token, gone otherwise."""

from collections.abc import Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Final

from noc.fleet.model import Fleet
from noc.hub.places import CREDENTIALS, DISCORD_TOKEN, TELEGRAM_TOKEN, UNITS
from noc.hub.system import ensure_absent, ensure_running, ensure_stopped, ensure_unit_files, run
from noc.hub.units import bot_unit

BOT: Final = "noc-bot.service"
TOKENS: Final[Mapping[str, str]] = {"telegram": TELEGRAM_TOKEN, "discord": DISCORD_TOKEN}
"""The credential that opens a chat, by the fleet file's table."""


def chats(fleet: Fleet) -> tuple[str, ...]:
    """The chats that the fleet file has, by their tables' names."""
    return tuple(name for name in TOKENS if getattr(fleet, name) is not None)


def tokens(fleet: Fleet, credentials: Path = CREDENTIALS) -> tuple[str, ...]:
    """The credentials that the bot is given: those of the fleet file's chats that HQ has."""
    return tuple(TOKENS[name] for name in chats(fleet) if (credentials / TOKENS[name]).exists())


def settings(fleet: Fleet) -> str:
    """What names the chats as the fleet file has them, so that other ones count as a change of the bot's unit."""
    parts = (part.model_dump_json() for part in (fleet.telegram, fleet.discord) if part is not None)
    return sha256("\n".join(parts).encode()).hexdigest()[:16]


def ensure_bot(fleet: Fleet, build: str) -> list[str]:
    """The bot, with those of its tokens that HQ has; where it has none of them, no bot.

    Args:
        fleet: the fleet.
        build: names the installed noc.
    """
    given = tokens(fleet)
    if not given:
        return without_bot()
    changed = ensure_unit_files({BOT: bot_unit(build, settings(fleet), given)})
    return changed + ensure_running(BOT, [UNITS / BOT, *(CREDENTIALS / name for name in given)])


def without_bot() -> list[str]:
    """No bot: neither running, nor at the next boot."""
    changed = ensure_stopped(BOT) + ensure_absent(UNITS / BOT)
    if changed:
        run("systemctl", "daemon-reload")
    return changed


def shut(fleet: Fleet, credentials: Path = CREDENTIALS) -> Iterator[tuple[str, str]]:
    """The fleet file's chats that HQ has no token for: the chat, and what to do."""
    there = tokens(fleet, credentials)
    for name in chats(fleet):
        if TOKENS[name] not in there:
            yield name, f"HQ has no token: noc hub secret set {TOKENS[name]}"
