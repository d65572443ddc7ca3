"""What the cloud holds for one node, found by its tags and never by a name or an id that HQ remembers."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from noc.cloud.ec2.machine import FLEET_TAG, NODE_TAG, Machine
from noc.cloud.ec2.port import Region, named
from noc.cloud.errors import CloudRefused

ALIVE: Final = ("pending", "running", "stopping", "stopped")

Tell = Callable[[str], None]
Described = dict[str, Any]
"""Something as the API describes it."""


@dataclass(frozen=True)
class Owned:
    """One node's things in one region; `tell` hears of each that is made or removed."""

    region: Region
    machine: Machine
    tell: Tell

    def instance(self) -> Described | None:
        """Its machine, None where there is none.

        Raises:
            CloudRefused: two carry the node's tags, and which one is meant nobody can tell.
        """
        found = self._instances({**self._tags, "instance-state-name": ALIVE})
        if len(found) > 1:
            ids = ", ".join(sorted(each["InstanceId"] for each in found))
            raise CloudRefused(
                f"{len(found)} machines carry the tags of {self.machine.node}",
                why=f"{ids} in {self.region.name}",
                fix="terminate those that are not the node, at the cloud's console",
            )
        return found[0] if found else None

    def neighbours(self) -> list[Described]:
        """Machines of the same fleet in the same region, its own among them."""
        return self._instances({f"tag:{FLEET_TAG}": (self.machine.fleet,), "instance-state-name": ALIVE})

    def state(self, instance: str) -> str:
        """The state of a machine by its id; one that is forgotten is `terminated`."""
        found = self._instances({"instance-id": (instance,)})
        return str(found[0]["State"]["Name"]) if found else "terminated"

    def groups(self) -> list[Described]:
        """Its security groups."""
        return self._described("DescribeSecurityGroups", "SecurityGroups")

    def addresses(self) -> list[Described]:
        """Its elastic addresses."""
        return self._described("DescribeAddresses", "Addresses")

    @property
    def _tags(self) -> dict[str, tuple[str, ...]]:
        return {f"tag:{FLEET_TAG}": (self.machine.fleet,), f"tag:{NODE_TAG}": (self.machine.node,)}

    def _instances(self, filters: dict[str, tuple[str, ...]]) -> list[Described]:
        reservations = self.region.pages("ec2", "DescribeInstances", "Reservations", Filters=named(filters))
        return [each for reservation in reservations for each in reservation["Instances"]]

    def _described(self, operation: str, key: str) -> list[Described]:
        found: list[Described] = self.region.call("ec2", operation, Filters=named(self._tags))[key]
        return found
