import json
import subprocess
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Any

import pytest

from noc.hub.proxy import caddyfile, operator_networks
from unit.hub.hub_kit import example_fleet, program

FLEET = example_fleet()


def adapted(tmp_path: Path, **changes: Any) -> dict[str, Any]:
    """The configuration as Caddy itself understands it."""
    path = tmp_path / "Caddyfile"
    path.write_text(caddyfile(FLEET.model_copy(update=changes), acme_root=None))
    argv = [program("caddy"), "adapt", "--adapter", "caddyfile", "--config", str(path)]
    done = subprocess.run(argv, check=True, capture_output=True, text=True, timeout=30)
    assert "warn" not in done.stderr.lower()
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def site(document: dict[str, Any], host: str) -> str:
    (server,) = document["apps"]["http"]["servers"].values()
    (route,) = [route for route in server["routes"] if route["match"] == [{"host": [host]}]]
    return json.dumps(route)


def test_operators_are_exactly_the_addresses_from_2_to_9() -> None:
    inside = [IPv4Network(network) for network in operator_networks(FLEET)]
    members = [n for n in range(256) if any(IPv4Address(f"10.84.0.{n}") in network for network in inside)]
    assert members == list(range(2, 10))


def test_caddy_accepts_the_text_and_serves_both_names(tmp_path: Path) -> None:
    document = adapted(tmp_path)
    assert site(document, "noc.clavitor.com")
    assert site(document, "soc.clavitor.com")


def test_the_operators_page_comes_from_the_watch_and_only_for_reading(tmp_path: Path) -> None:
    route = site(adapted(tmp_path), "noc.clavitor.com")
    assert "unix//run/noc-watch/watch.sock" in route
    assert '"method": ["GET", "HEAD"]' in route
    assert '"status_code": 403' in route


def test_strangers_are_not_among_those_who_see_the_operators_page() -> None:
    line = next(line for line in caddyfile(FLEET, acme_root=None).splitlines() if "remote_ip" in line)
    assert line.split() == ["remote_ip", "127.0.0.0/8", "::1", "10.84.0.2/31", "10.84.0.4/30", "10.84.0.8/31"]


def test_a_status_page_that_was_not_written_is_not_a_healthy_one(tmp_path: Path) -> None:
    route = site(adapted(tmp_path), "soc.clavitor.com")
    assert '"status_code": 503' in route
    assert "watch.sock" not in route


@pytest.mark.parametrize("root", [None, "/etc/noc-trust/acme_root.pem"])
def test_the_certificate_authority_is_the_fleets(root: str | None) -> None:
    text = caddyfile(FLEET, acme_root=root)
    assert f"\tacme_ca {FLEET.acme.directory}\n" in text
    assert ("acme_ca_root" in text) == (root is not None)
