"""Times as commands show them: on the fleet's clock, with UTC beside it."""

from datetime import datetime, tzinfo
from functools import cache


def shown(at: str) -> str:
    """A time in ISO form, as `Mon 2026-03-02 07:00:00 CET (06:00:00 UTC)`; in UTC alone where the fleet is not ours."""
    from noc.runs.admission.clock import told  # noqa: PLC0415 - help stays light

    return told(datetime.fromisoformat(at).astimezone(_zone()))


@cache
def _zone() -> tzinfo:
    from noc.runs.paths import Paths  # noqa: PLC0415
    from noc.runs.runner.controls import fleet_zone  # noqa: PLC0415

    return fleet_zone(Paths.from_environment())
