"""The lab's own internet: certificates, packages, messages."""

import json
from collections.abc import Callable

from noc.lab.lab import Lab

Until = Callable[..., None]
CADDYFILE = """{
    acme_ca https://acme.lab:14000/dir
    acme_ca_root /etc/caddy/trust.pem
}
virginia.clavitor.com {
    respond "here"
}
"""


def test_caddy_gets_a_certificate_that_the_trust_bundle_verifies(lab: Lab, until: Until) -> None:
    lab.exec("virginia", "tee", "/etc/caddy/trust.pem", stdin=lab.trust_bundle.read_bytes())
    lab.exec("virginia", "tee", "/etc/caddy/Caddyfile", stdin=CADDYFILE.encode())
    lab.exec("virginia", "systemctl", "start", "caddy")
    ask = ("curl", "--silent", "--max-time", "5", "--cacert", str(lab.trust_bundle), "https://virginia.clavitor.com/")
    until(lambda: lab.stranger_exec(*ask).stdout == b"here", 30)
    lab.exec("virginia", "systemctl", "stop", "caddy")


def test_a_bare_machine_installs_what_a_node_needs_from_the_signed_repository(lab: Lab) -> None:
    packages = ("python3", "caddy", "wireguard-tools", "wireguard-go", "nftables")
    script = f"apt-get update -q && apt-get install -qy {' '.join(packages)}"
    done = lab.exec("frankfurt", "env", "DEBIAN_FRONTEND=noninteractive", "sh", "-ec", script, timeout_s=120)
    assert done.returncode == 0, done.stderr.decode()
    assert b"W:" not in done.stderr
    asked = lab.exec("frankfurt", "python3", "-c", "print(6 * 7)")
    lab.exec("frankfurt", "apt-get", "purge", "-qy", "--auto-remove", *packages, timeout_s=120)
    assert asked.stdout.strip() == b"42"


def test_a_message_published_over_tls_is_read_back(lab: Lab) -> None:
    lab.exec("zurich", "tee", "/run/trust.pem", stdin=lab.trust_bundle.read_bytes())
    published = lab.exec(
        "zurich", "curl", "--silent", "--cacert", "/run/trust.pem", "-H", f"Authorization: Bearer {lab.ntfy_token}",
        "-d", json.dumps({"topic": "t", "title": "T", "message": "M", "priority": 5, "tags": ["x"]}), "https://ntfy.lab/",
    )  # fmt: skip
    sent = json.loads(published.stdout)
    assert lab.ntfy_messages("t") == [sent]
    assert sent["title"] == "T"
    assert sent["priority"] == 5


def test_a_reboot_of_the_internet_renews_what_machines_trust(lab: Lab) -> None:
    before = lab.trust_bundle.read_bytes()
    lab.kill("internet")
    lab.boot("internet")
    after = lab.trust_bundle.read_bytes()
    assert after != before
    assert after.split(b"-----END")[0] == before.split(b"-----END")[0]
