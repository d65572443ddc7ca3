"""A fleet directory whose nodes live at loopback addresses."""

import hashlib
from pathlib import Path

HUB = "127.84.0.1"


class BenchFleet:
    """A fleet of so many nodes, all live, each with an address and a token of its own."""

    def __init__(self, directory: Path, nodes: int, *, tables: str = "") -> None:
        """Write it; `tables` is further text of the fleet file."""
        self.directory = directory
        self.names = [f"node{number}" for number in range(1, nodes + 1)]
        directory.mkdir(parents=True)
        head = f"""
name = "bench"
domain = "bench.test"
timezone = "UTC"
{tables}
[hub]
name = "hq"
city = "Here"
country = "CH"
latitude = 47.4
longitude = 8.5
provider = "own"
platform = "debian"
address = "192.0.2.1"
tunnel = "{HUB}"
[tunnel]
network = "127.84.0.0/16"
[budget]
ceiling_usd = 1000
[ntfy]
url = "http://127.0.0.1:9/"
topic = "bench"
[witness]
not_public = ["all"]
[push]
per_second = 1000000
at_once = 1000000
"""
        (directory / "fleet.toml").write_text(head + "".join(self._node(name) for name in self.names))
        (directory / "inventory.toml").write_text("".join(self._learnt(name) for name in self.names))

    def address(self, name: str) -> str:
        """Where a node pushes from."""
        return f"127.84.0.{10 + self.names.index(name) + 1}"

    def token(self, name: str) -> str:
        """What a node pushes with."""
        return hashlib.sha256(f"token of {name}".encode()).hexdigest()[:32]

    def lines(self) -> str:
        """Address and token of every node, a line each."""
        return "".join(f"{self.address(name)} {self.token(name)}\n" for name in self.names)

    def _node(self, name: str) -> str:
        number = self.names.index(name) + 1
        return f"""
[[nodes]]
name = "{name}"
number = {number}
city = "Somewhere"
country = "US"
latitude = 1
longitude = 1
provider = "provider-{number}"
platform = "debian"
tunnel = "{self.address(name)}"
subdomain = "{name}"
"""

    def _learnt(self, name: str) -> str:
        digest = hashlib.sha256(self.token(name).encode()).hexdigest()
        return f'[nodes.{name}]\nlife = "live"\npush_token_sha256 = "{digest}"\n'
