"""Commands that belong to root on HQ."""

import os

from noc.errors import NotPermitted


def as_root() -> None:
    """Go on only as root. Raises NotPermitted."""
    if os.geteuid() != 0:
        raise NotPermitted("HQ belongs to root", fix="run it with sudo, on HQ")
