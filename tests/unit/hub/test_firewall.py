import os
import subprocess
from pathlib import Path

import pytest

from noc.hub.firewall import nftables_text, sshd_text, ufw_commands
from unit.hub.hub_kit import example_fleet, program

FLEET = example_fleet()


def rules(chain: str) -> list[str]:
    body = nftables_text(FLEET).split(f"chain {chain} {{")[1].split("}\n\tchain")[0]
    return [line.strip() for line in body.splitlines() if line.strip() not in {"", "}"}]


def test_what_no_rule_accepts_is_dropped() -> None:
    assert rules("input")[0] == "type filter hook input priority filter; policy drop;"


def test_nothing_is_forwarded() -> None:
    assert rules("forward") == ["type filter hook forward priority filter; policy drop;"]


def test_public_doors_are_ssh_http_https_and_the_tunnel() -> None:
    public = [rule for rule in rules("input") if "dport" in rule and "iifname" not in rule and "sport 67" not in rule]
    assert public == [
        "udp dport 51820 accept",
        "tcp dport { 22, 80, 443 } accept",
        "ip6 saddr fe80::/10 udp dport 546 accept",
    ]


def test_from_the_tunnel_pushes_come_in_and_operators_and_everything_else_ends() -> None:
    tunnel = [rule for rule in rules("input") if "wg0" in rule]
    assert tunnel == [
        'iifname "wg0" ip saddr 10.84.0.0/24 ip daddr 10.84.0.1 tcp dport 8084 accept',
        'iifname "wg0" ip saddr 10.84.0.2-10.84.0.9 ip daddr 10.84.0.1 tcp dport { 22, 443 } accept',
        'iifname "wg0" drop',
    ]


def test_the_tunnel_is_closed_before_public_doors_are_opened() -> None:
    lines = rules("input")
    assert lines.index('iifname "wg0" drop') < lines.index("tcp dport { 22, 80, 443 } accept")


def test_sessions_that_are_open_stay_open() -> None:
    assert rules("input")[1] == "ct state established,related accept"


def test_loading_it_again_replaces_our_table_alone() -> None:
    text = nftables_text(FLEET)
    assert "flush ruleset" not in text
    assert text.index("delete table inet noc") < text.index("table inet noc {")


def test_nft_accepts_the_text(tmp_path: Path) -> None:
    nft = program("nft")
    if os.geteuid() != 0:
        pytest.skip("nft checks rules as root only")
    path = tmp_path / "rules.nft"
    path.write_text(nftables_text(FLEET))
    subprocess.run(["unshare", "--net", nft, "--check", "--file", path], check=True, capture_output=True)


def test_ufw_opens_ssh_before_it_denies_by_default() -> None:
    commands = ufw_commands(FLEET)
    assert commands.index(("ufw", "allow", "22/tcp")) < commands.index(("ufw", "default", "deny", "incoming"))


def test_ufw_gets_exactly_these_rules() -> None:
    assert [" ".join(command) for command in ufw_commands(FLEET)] == [
        "ufw allow 22/tcp",
        "ufw allow 80/tcp",
        "ufw allow 443/tcp",
        "ufw allow 51820/udp",
        "ufw prepend deny in on wg0",
        *(
            f"ufw prepend allow in on wg0 from 10.84.0.{place} to 10.84.0.1 port 22,443 proto tcp"
            for place in range(2, 10)
        ),
        "ufw prepend allow in on wg0 from 10.84.0.0/24 to 10.84.0.1 port 8084 proto tcp",
        "ufw default deny incoming",
        "ufw default deny routed",
    ]


def test_sshd_accepts_the_settings_and_takes_keys_only(tmp_path: Path) -> None:
    sshd = program("sshd")
    if not Path("/run/sshd").is_dir():
        pytest.skip("sshd judges its settings only where it could start")
    path, key = tmp_path / "sshd_config", tmp_path / "host_key"
    path.write_text(sshd_text())
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    argv = [sshd, "-T", "-f", str(path), "-h", str(key)]
    shown = subprocess.run(argv, check=True, capture_output=True, text=True).stdout.splitlines()
    assert {"passwordauthentication no", "kbdinteractiveauthentication no"} <= set(shown)
    assert "permitrootlogin without-password" in shown
