"""A node's directory of tenants, as HQ writes it and root's program leaves it for the service."""

import hashlib
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from clavitor.settings import DirectoryFiles
from noc.placement.body import write_body
from noc.placement.handles import tenant_id
from noc.placement.head import Head, ListedNode

DOMAIN = "clavitor.test"
KEY = bytes(range(32))


def listed(name: str, latitude: float, longitude: float, *groups: str, is_open: bool = True) -> ListedNode:
    """A node as a directory names it."""
    url = f"https://{name}.{DOMAIN}"
    return ListedNode(name=name, url=url, open=is_open, groups=groups, latitude=latitude, longitude=longitude)


VIRGINIA = listed("virginia", 38.9, -77.4, "US")
FRANKFURT = listed("frankfurt", 50.1, 8.7, "DE", "eu")
SINGAPORE = listed("singapore", 1.35, 103.8, "SG")
NODES = (VIRGINIA, FRANKFURT, SINGAPORE)


class TenantDirectory:
    """The folder of a directory and the file of its key.

    Args:
        root: where both lie.
    """

    def __init__(self, root: Path) -> None:
        self.path, key = root / "clavitor-directory", root / "tenant_key"
        self.path.mkdir()
        key.write_text(KEY.hex() + "\n")
        self.files = DirectoryFiles(self.path, key)
        self.environment = {"CLAVITOR_DIRECTORY": str(self.path), "CLAVITOR_TENANT_KEY": str(key)}

    def write(
        self,
        placed: Mapping[str, str],
        *,
        nodes: Sequence[ListedNode] = NODES,
        version: int = 1,
        fresh_for: int = 3600,
    ) -> None:
        """Put a directory in its place: account name → name of its node; `fresh_for` may lie in the past."""
        positions = {node.name: number for number, node in enumerate(nodes)}
        self.put({tenant_id(KEY, name): positions[node] for name, node in placed.items()}, nodes, version, fresh_for)

    def put(self, placed: Mapping[str, int], nodes: Sequence[ListedNode], version: int, fresh_for: int) -> None:
        """Put a directory in its place: tenant id → position of its node."""
        body, now = write_body(placed), int(time.time())
        at, until = min(now, now + fresh_for), now + fresh_for
        head = Head(
            fleet="clavitor",
            domain=DOMAIN,
            version=version,
            count=len(placed),
            sha256=hashlib.sha256(body).hexdigest(),
            nodes=tuple(nodes),
            at=at,
            until=until,
        )
        self.body(version).write_bytes(body)
        self.put_head(head.to_bytes())

    def put_head(self, content: bytes) -> None:
        """Put a head in its place in one step, as a file of its own."""
        temporary = self.path / ".head.new"
        temporary.write_bytes(content)
        temporary.replace(self.path / "head.json")

    def body(self, version: int) -> Path:
        """The file of the lines of a version."""
        return self.path / f"tenants-{version}"
