"""The example fleet, as often beside itself as it takes to have so many nodes."""

from ipaddress import IPv4Address
from pathlib import Path

import tomli_w

from noc.fleet.load import load

EXAMPLE = Path(__file__).resolve().parents[2] / "fleet"
NETWORK = "10.84.0.0/20"


def write_fleet(directory: Path, nodes: int) -> None:
    """Write a fleet file of so many nodes, each of its own number, name and tunnel address, at the example's places."""
    document = load(EXAMPLE).model_dump(mode="json", exclude_none=True, exclude_unset=True)
    places = document["nodes"]
    first = IPv4Address(document["hub"]["tunnel"]) + 9
    document["tunnel"]["network"] = NETWORK
    document["nodes"] = [
        {
            **{key: value for key, value in places[number % len(places)].items() if key != "aliases"},
            "name": (name := f"{places[number % len(places)]['name']}-{number:04}"),
            "subdomain": name,
            "number": number,
            "tunnel": str(first + number),
        }
        for number in range(1, nodes + 1)
    ]
    directory.mkdir(parents=True)
    (directory / "fleet.toml").write_text(tomli_w.dumps(document))
