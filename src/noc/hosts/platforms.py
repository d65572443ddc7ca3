"""The platforms that this version knows."""

from noc.hosts.debian import Debian
from noc.hosts.errors import UnknownPlatform
from noc.hosts.nixos import NixOS
from noc.hosts.platform import Platform

PLATFORMS: dict[str, Platform] = {"debian": Debian(), "nixos": NixOS()}


def get(name: str) -> Platform:
    """The platform of that name, as a fleet file's `platform` says it. Raises UnknownPlatform."""
    if name not in PLATFORMS:
        raise UnknownPlatform(f"no platform is called {name}", fix=f"one of {', '.join(PLATFORMS)}")
    return PLATFORMS[name]
