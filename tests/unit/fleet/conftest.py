"""A small fleet file that is wholly right, for tests to break."""

from collections.abc import Callable
from pathlib import Path

import pytest

FLEET = """\
name = "clavitor"
domain = "clavitor.com"
timezone = "Europe/Zurich"

[hub]
name = "zurich"
city = "Zürich"
country = "CH"
latitude = 47.4
longitude = 8.5
provider = "hostkey"
platform = "debian"
address = "185.218.204.47"
tunnel = "10.84.0.1"

[tunnel]
network = "10.84.0.0/24"
push_port = 8084

[budget]
ceiling_usd = 100

[ntfy]
url = "https://ntfy.sh"
topic = "clavitor-alerts"

[[people]]
name = "johan"
role = "approver"

[[nodes]]
number = 1
name = "virginia"
city = "N. Virginia"
country = "US"
latitude = 39.0
longitude = -77.5
provider = "aws"
region = "us-east-1"
platform = "nixos"
tunnel = "10.84.0.11"
subdomain = "virginia"

[[nodes]]
number = 8
name = "frankfurt"
city = "Frankfurt"
country = "DE"
latitude = 50.1
longitude = 8.7
provider = "aws"
region = "eu-central-1"
platform = "nixos"
tunnel = "10.84.0.18"
subdomain = "frankfurt"
"""


@pytest.fixture
def fleet_file(tmp_path: Path) -> Callable[..., Path]:
    """Write the fleet file with each (old, new) replaced in its last occurrence; returns the directory."""

    def written(*changes: tuple[str, str]) -> Path:
        text = FLEET
        for old, new in changes:
            assert old in text
            before, _, after = text.rpartition(old)
            text = before + new + after
        (tmp_path / "fleet.toml").write_text(text)
        return tmp_path

    return written
