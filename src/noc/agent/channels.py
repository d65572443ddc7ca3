"""The chats that HQ has: those with a part in the fleet file and a token among HQ's credentials."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final, get_args

from noc.agent.bot.commands import menu
from noc.agent.bot.errors import NoChannel
from noc.agent.bot.kept import Keeper
from noc.agent.bot.transport import Channel, Transport
from noc.fleet.model import Fleet
from noc.runs.site.credential import credential

CHANNELS: Final[tuple[Channel, ...]] = get_args(Channel)


def read_tokens(credentials: Path) -> dict[Channel, str]:
    """The tokens that are there.

    Args:
        credentials: the directory of `telegram_token` and `discord_token`.

    Raises:
        CredentialExposed: others than its owner may read one.
    """
    there = [name for name in CHANNELS if (credentials / f"{name}_token").exists()]
    return {name: credential(credentials, f"{name}_token").decode(errors="replace").strip() for name in there}


def channels_off(fleet: Fleet, tokens: Mapping[Channel, str]) -> dict[Channel, str]:
    """The channels that are off, each with what it lacks."""
    lacking: dict[Channel, str] = {name: f"HQ has no {name}_token" for name in CHANNELS if not tokens.get(name)}
    return lacking | {name: f"fleet.toml has no [{name}]" for name in CHANNELS if getattr(fleet, name) is None}


def open_channels(
    fleet: Fleet, tokens: Mapping[Channel, str], keeper: Keeper, directory: Path
) -> dict[Channel, Transport]:
    """A transport for each channel that is configured; the library of one that is not is not loaded.

    Args:
        fleet: the fleet.
        tokens: those that are there.
        keeper: knows how far each has read.
        directory: of the fleet, from which its certificates are named.

    Raises:
        NoChannel: none is configured.
    """
    found: dict[Channel, Transport] = {}
    if fleet.telegram and tokens.get("telegram"):
        from noc.agent.telegram.client import TelegramTransport  # noqa: PLC0415 - half a second of imports

        offered = [(name, f"{title} {usage}".rstrip()) for name, usage, title in menu()]
        ca = _root(directory, fleet.telegram.ca_root)
        found["telegram"] = TelegramTransport(fleet.telegram, tokens["telegram"], keeper, ca, offered)
    if fleet.discord and tokens.get("discord"):
        from noc.agent.discord.client import DiscordTransport  # noqa: PLC0415
        from noc.agent.discord.commands import Command  # noqa: PLC0415

        ca = _root(directory, fleet.discord.ca_root)
        found["discord"] = DiscordTransport(fleet.discord, tokens["discord"], ca, [Command(*each) for each in menu()])
    if not found:
        why = "; ".join(channels_off(fleet, tokens).values())
        fix = "write [telegram] or [discord] into fleet.toml, and on HQ: noc hub secret set telegram_token"
        raise NoChannel("no chat is configured", why=why, fix=fix)
    return found


def _root(directory: Path, name: str | None) -> Path | None:
    return directory / name if name else None
