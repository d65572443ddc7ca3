"""The fleet's channels, made from its file."""

from pathlib import Path
from typing import Final

from noc.fleet.model import Fleet
from noc.fleet.telling import DEFAULT_CHANNEL
from noc.fleet.telling import Channel as Settings
from noc.watch.alerts.channels import Channel
from noc.watch.alerts.channels.apprise import AppriseChannel
from noc.watch.alerts.channels.ntfy import NtfyChannel

DEFAULT_CREDENTIAL: Final = "ntfy_token"


def make_channels(fleet: Fleet, directory: Path) -> list[Channel]:
    """Every channel, the default one first.

    Args:
        fleet: what the fleet file says.
        directory: what its paths are relative to.
    """
    ntfy = fleet.ntfy
    default = NtfyChannel(DEFAULT_CHANNEL, ntfy.url, ntfy.topic, DEFAULT_CREDENTIAL, _root(ntfy.ca_root, directory))
    return [default, *(_made(settings, directory) for settings in fleet.channel)]


def _made(settings: Settings, directory: Path) -> Channel:
    if settings.kind == "apprise":
        return AppriseChannel(settings.name, settings.credential or "")
    root = _root(settings.ca_root, directory)
    return NtfyChannel(settings.name, settings.url or "", settings.topic or "", settings.credential, root)


def _root(name: str | None, directory: Path) -> Path | None:
    return directory / name if name else None
