"""Fleets of any size: the repository's own fleet file with as many invented nodes as are wanted."""

import tomllib
from pathlib import Path
from typing import Any

import tomli_w

from noc.lab.fleet import SOURCE

SIZES = (20, 50, 100, 200)
NODE_MB = 150
"""What a machine takes with its service and one payload more, measured with 20."""
SPARE_MB = 2000


def names(count: int) -> list[str]:
    """Names of invented nodes."""
    return [f"node-{number:03}" for number in range(1, count + 1)]


def fleet_of(count: int, directory: Path) -> Path:
    """Write a fleet file with so many nodes around the globe; returns its directory."""
    document = tomllib.loads((SOURCE / "fleet.toml").read_text())
    document["nodes"] = [_node(number, name) for number, name in enumerate(names(count), 1)]
    document["accepted"] = []
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "fleet.toml").write_text(tomli_w.dumps(document))
    return directory


def fits(count: int) -> bool:
    """Whether this machine's memory holds so many hosts."""
    rows = dict(line.split(":", 1) for line in Path("/proc/meminfo").read_text().splitlines())
    return int(rows["MemAvailable"].split()[0]) / 1000 > SPARE_MB + count * NODE_MB


def _node(number: int, name: str) -> dict[str, Any]:
    return {
        "number": number,
        "name": name,
        "city": f"City {number}",
        "country": "CH",
        "latitude": 0.5 * (number % 100),
        "longitude": 1.5 * (number % 100),
        "provider": "lab",
        "platform": "debian",
        "tunnel": f"10.84.0.{10 + number}",
        "subdomain": name,
    }
