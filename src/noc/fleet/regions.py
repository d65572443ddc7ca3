"""The regions of cloud providers: where they are, and whether an account must switch them on first."""

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files


@dataclass(frozen=True)
class Region:
    """One region of a provider.

    Attributes:
        city: the place it is named after.
        country: ISO 3166-1 code.
        latitude, longitude: degrees, to a tenth: good for distances, not for maps.
        opt_in: a new account cannot use it before it was switched on, which takes hours to days.
    """

    city: str
    country: str
    latitude: float
    longitude: float
    opt_in: bool


@cache
def regions() -> dict[str, dict[str, Region]]:
    """Provider → region's name → region. A provider that is not in it has regions that nobody listed here."""
    text = files("noc.fleet").joinpath("regions.toml").read_text(encoding="utf-8")
    return {
        provider: {name: Region(**entry) for name, entry in entries.items()}
        for provider, entries in tomllib.loads(text).items()
    }
