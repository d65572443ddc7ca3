"""The real client against the stand-in for AWS on loopback, with credentials that are nobody's."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from noc.cloud.ec2 import launch as launching
from noc.cloud.ec2.launch import Hub, Launched
from noc.cloud.ec2.machine import HostKey, machine
from noc.cloud.ec2.owned import Owned
from noc.cloud.ec2.port import Account
from noc.fleet.load import load
from noc.fleet.model import Fleet
from noc.hosts.trust import generate_key
from noc.lab.cloud.account import CREDENTIALS, Settings
from noc.lab.cloud.front import Front
from noc.lab.cloud.server import served

FLEET = Path(__file__).parents[1] / "fleet"
HUB = Hub("185.218.204.47", generate_key("hub").public)


@dataclass
class Cloud:
    """A stand-in that is served, and an account's way to it.

    Attributes:
        told: what launching told of each step.
    """

    front: Front
    account: Account
    fleet: Fleet
    told: list[str] = field(default_factory=list)

    def settle(self, **settings: Any) -> None:
        """Let the account be otherwise from now on."""
        self.front.account.settings = Settings.model_validate({**self.front.account.settings.model_dump(), **settings})
        self.front.account.refused = 0

    def owned(self, node: str = "frankfurt", key: HostKey | None = None) -> Owned:
        """What the cloud holds for a node; its region by the fleet file."""
        made = self.fleet.node(node)
        assert made.region is not None
        return Owned(self.account.region(made.region), machine(self.fleet, made, key), self.told.append)

    def launch(self, node: str = "frankfurt") -> Launched:
        """Make a node's machine, with a new host key."""
        pair = generate_key(node)
        key = HostKey(pair.private.decode(), pair.public)
        return launching.launch(self.owned(node, key), HUB, self.fleet.launch, datetime.now(UTC))

    def left(self, node: str = "frankfurt") -> dict[str, int]:
        """How much the cloud holds for a node: machines, groups, addresses, and key pairs in its region."""
        owned = self.owned(node)
        keys = owned.region.call("ec2", "DescribeKeyPairs")["KeyPairs"]
        return {
            "machines": int(owned.instance() is not None),
            "groups": len(owned.groups()),
            "addresses": len(owned.addresses()),
            "key pairs": len(keys),
        }


NOTHING = {"machines": 0, "groups": 0, "addresses": 0, "key pairs": 0}


@contextmanager
def cloud(fleet: Path = FLEET, **settings: Any) -> Iterator[Cloud]:
    """An empty account, served as long as this lasts."""
    front = Front(settings=Settings.model_validate(settings))
    with served(front) as url:
        yield Cloud(front, Account(CREDENTIALS, url), load(fleet))
