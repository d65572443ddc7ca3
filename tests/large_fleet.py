"""A fleet of up to 2,000 nodes as a fleet directory: twenty places by turns, with their tags and regions.

Nodes push so seldom that none is late while a test goes on.
"""

from ipaddress import IPv4Address
from pathlib import Path

from noc.fleet.load import load
from noc.fleet.model import Node
from noc.fleet.shares import MOST_NODES

EXAMPLE = Path(__file__).parents[1] / "fleet"
PLACES: tuple[Node, ...] = load(EXAMPLE).nodes


def name_of(number: int) -> str:
    """The name of the node of that number: `frankfurt-0042`."""
    return f"{PLACES[number % len(PLACES)].name}-{number:04}"


def region_of(number: int) -> str:
    """The region of the node of that number, by its first tag."""
    return PLACES[number % len(PLACES)].tags[0]


def write_large(directory: Path, count: int = MOST_NODES, *, hub: str = "10.84.0.1", bits: int = 20) -> Path:
    """Write a fleet directory of so many live nodes; the tunnel's network begins before the hub's address."""
    network = IPv4Address(hub) - 1
    directory.mkdir(exist_ok=True)
    parts = [_HEAD.format(hub=hub, network=f"{network}/{bits}")]
    parts += [_node(number, network) for number in range(1, count + 1)]
    (directory / "fleet.toml").write_text("".join(parts))
    lives = (f'[nodes.{name_of(number)}]\nlife = "live"\n' for number in range(1, count + 1))
    (directory / "inventory.toml").write_text("".join(lives))
    return directory


_HEAD = """
name = "clavitor"
domain = "clavitor.test"
timezone = "Europe/Zurich"
[hub]
name = "zurich"
city = "Zürich"
country = "CH"
latitude = 47.4
longitude = 8.5
provider = "hostkey"
platform = "debian"
address = "192.0.2.1"
tunnel = "{hub}"
[tunnel]
network = "{network}"
[policy]
push_interval = 3600
sev2_missed = 10000
[budget]
ceiling_usd = 100000
[witness]
not_public = ["all"]
[ntfy]
url = "http://127.0.0.1:9/"
topic = "clavitor-alerts"
"""


def _node(number: int, network: IPv4Address) -> str:
    place = PLACES[number % len(PLACES)]
    return f"""
[[nodes]]
name = "{name_of(number)}"
number = {number}
city = "{place.city}"
country = "{place.country}"
latitude = {place.latitude}
longitude = {place.longitude}
region = "{place.region}"
provider = "aws"
platform = "debian"
instance_type = "t4g.nano"
tunnel = "{network + 10 + number}"
subdomain = "{name_of(number)}"
tags = ["{place.tags[0]}"]
"""
