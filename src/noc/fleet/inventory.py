"""The inventory: what was learnt about the machines. Written only by runs, one commit a run."""

from enum import StrEnum
from ipaddress import IPv4Address
from pathlib import Path

from pydantic import BaseModel, ConfigDict


class Life(StrEnum):
    """Where a node is in its life. Only a live node is judged."""

    PLANNED = "planned"
    LAUNCHED = "launched"
    PROVISIONED = "provisioned"
    LIVE = "live"
    RETIRED = "retired"


class NodeRecord(BaseModel):
    """What is known of one node.

    Attributes:
        life: its state of life.
        address: its public address.
        host_key: fingerprint (`SHA256:…`) of the host key expected at first contact; None once the node's own
            key is certified, from when on only the host CA is trusted.
        wireguard_key: public half of its tunnel key, base64.
        push_token_sha256: hex digest of its push token.
        release: content hash of the release that it was last proven to run.
    """

    model_config = ConfigDict(extra="forbid")

    life: Life = Life.PLANNED
    address: IPv4Address | None = None
    host_key: str | None = None
    wireguard_key: str | None = None
    push_token_sha256: str | None = None
    release: str | None = None


class HubRecord(BaseModel):
    """What is known of HQ: public halves only."""

    model_config = ConfigDict(extra="forbid")

    wireguard_key: str | None = None
    ssh_key: str | None = None
    host_ca: str | None = None


class Inventory(BaseModel):
    """The file `inventory.toml`."""

    model_config = ConfigDict(extra="forbid")

    hub: HubRecord = HubRecord()
    nodes: dict[str, NodeRecord] = {}

    def record(self, name: str) -> NodeRecord:
        """A node's record; an empty one, planned, where nothing was learnt yet."""
        return self.nodes.get(name, NodeRecord())


def load_inventory(directory: Path) -> Inventory:
    """Read `inventory.toml` of a fleet directory; an empty inventory where there is none."""
    import tomllib  # noqa: PLC0415

    path = directory / "inventory.toml"
    if not path.exists():
        return Inventory()
    return Inventory.model_validate(tomllib.loads(path.read_text()))


def save_inventory(directory: Path, inventory: Inventory) -> None:
    """Write `inventory.toml` whole: a temporary file, fsynced, renamed over the old one."""
    import os  # noqa: PLC0415

    import tomli_w  # noqa: PLC0415

    path = directory / "inventory.toml"
    text = tomli_w.dumps(inventory.model_dump(mode="json", exclude_none=True))
    temporary = path.with_suffix(".new")
    with temporary.open("w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temporary.rename(path)
