"""What the doctor looks at."""

from dataclasses import dataclass
from datetime import datetime

from noc.fleet.inventory import Inventory
from noc.fleet.model import Fleet
from noc.runs.paths import Paths


@dataclass(frozen=True)
class Care:
    """The fleet as it is at one instant.

    Attributes:
        fleet: the fleet file.
        inventory: what is known of the machines.
        paths: where HQ keeps things; lines may read there, and write nothing.
        now: the time, UTC.
    """

    fleet: Fleet
    inventory: Inventory
    paths: Paths
    now: datetime
