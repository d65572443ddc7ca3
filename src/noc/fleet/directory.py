"""Which fleet directory a command works on."""

import os
from pathlib import Path

from noc.errors import NotPermitted
from noc.fleet.errors import NoFleetDirectory

VARIABLE = "NOC_FLEET"
DEFAULT = Path("/etc/noc")


def fleet_directory(chosen: Path | None = None) -> Path:
    """The fleet directory: the one chosen with `-C`, else NOC_FLEET's, else /etc/noc.

    Args:
        chosen: the value of `-C`, None where it was not given.

    Raises:
        NoFleetDirectory: there is no `fleet.toml` in it.
        NotPermitted: this user may not look into it.
    """
    named = os.environ.get(VARIABLE)
    directory = chosen or (Path(named) if named else DEFAULT)
    if not _holds_fleet(directory):
        source = "-C" if chosen else VARIABLE if named else "neither -C nor NOC_FLEET was given"
        raise NoFleetDirectory(
            f"no fleet.toml in {directory}", why=source, fix="name the fleet directory with -C DIR or NOC_FLEET"
        )
    return directory


def _holds_fleet(directory: Path) -> bool:
    try:
        return (directory / "fleet.toml").is_file()
    except PermissionError:
        raise NotPermitted(
            f"{directory} is not yours to read", fix="on HQ, as root: usermod -aG noc USER, then log in again"
        ) from None
