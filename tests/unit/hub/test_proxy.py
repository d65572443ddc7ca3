import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from noc.hub.proxy import caddyfile
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


def test_caddy_accepts_the_text_and_serves_both_names(tmp_path: Path) -> None:
    document = adapted(tmp_path)
    assert site(document, "noc.clavitor.com")
    assert site(document, "soc.clavitor.com")


def test_the_operators_pages_come_from_the_socket_that_asks_who_is_there(tmp_path: Path) -> None:
    route = site(adapted(tmp_path), "noc.clavitor.com")
    assert "unix//run/noc-watch/web.sock" in route
    assert "watch.sock" not in route


def test_a_request_body_has_a_bound_before_it_reaches_the_watch(tmp_path: Path) -> None:
    assert '"max_size": 64000' in site(adapted(tmp_path), "noc.clavitor.com")


def test_browsers_are_told_to_come_over_tls_alone(tmp_path: Path) -> None:
    assert "Strict-Transport-Security" in site(adapted(tmp_path), "noc.clavitor.com")


def test_a_status_page_that_was_not_written_is_not_a_healthy_one(tmp_path: Path) -> None:
    route = site(adapted(tmp_path), "soc.clavitor.com")
    assert '"status_code": 503' in route
    assert "watch.sock" not in route


@pytest.mark.parametrize("root", [None, "/etc/noc-trust/acme_root.pem"])
def test_the_certificate_authority_is_the_fleets(root: str | None) -> None:
    text = caddyfile(FLEET, acme_root=root)
    assert f"\tacme_ca {FLEET.acme.directory}\n" in text
    assert ("acme_ca_root" in text) == (root is not None)
