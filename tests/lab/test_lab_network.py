"""The lab's network: names, tunnel, firewall, cable, and no way out."""

import hashlib
from collections.abc import Callable

import pytest

from noc.errors import Usage
from noc.lab.lab import Lab

Until = Callable[..., None]


def test_machines_find_each_other_by_their_public_names(lab: Lab) -> None:
    found = lab.exec("frankfurt", "getent", "ahostsv4", "virginia.clavitor.com").stdout.decode()
    assert found.split()[0] == lab.address("virginia") == "198.51.100.21"


def test_no_address_outside_the_lab_has_a_route(lab: Lab) -> None:
    asked = lab.exec("virginia", "ip", "route", "get", "203.0.113.1")
    assert b"unreachable" in asked.stderr


def test_a_pulled_cable_parts_a_machine_until_it_is_plugged_in_again(lab: Lab, until: Until) -> None:
    ping = ("ping", "-c1", "-W1", lab.address("virginia"))
    lab.cut("virginia")
    assert lab.exec("zurich", *ping).returncode != 0
    assert lab.exec("virginia", "true").returncode == 0
    assert {row["name"]: row["state"] for row in lab.status()["machines"]}["virginia"] == "cut"
    lab.heal("virginia")
    until(lambda: lab.exec("zurich", *ping).returncode == 0)


def test_the_stranger_sees_what_the_firewall_leaves_open(lab: Lab) -> None:
    rules = b"table inet t { chain i { type filter hook input priority 0; policy drop; tcp dport 80 accept; }; }\n"
    scan = ("nmap", "-n", "-Pn", "-p22,80", "--max-retries", "1", "--host-timeout", "10", lab.address("virginia"))
    assert b"22/tcp open" in lab.stranger_exec(*scan).stdout
    assert lab.exec("virginia", "nft", "-f", "-", stdin=rules).returncode == 0
    seen = lab.stranger_exec(*scan).stdout
    lab.exec("virginia", "nft", "flush", "ruleset")
    assert b"22/tcp filtered" in seen
    assert b"80/tcp closed" in seen


def test_a_tunnel_by_wg_quick_carries_packets(lab: Lab, until: Until) -> None:
    sides = {"zurich": "10.84.0.1", "virginia": "10.84.0.11"}
    keys = {name: lab.exec(name, "wg", "genkey").stdout.decode().strip() for name in sides}
    public = {
        name: lab.exec(name, "wg", "pubkey", stdin=key.encode()).stdout.decode().strip() for name, key in keys.items()
    }
    for name, other in (("zurich", "virginia"), ("virginia", "zurich")):
        config = (
            f"[Interface]\nPrivateKey = {keys[name]}\nAddress = {sides[name]}/24\nListenPort = 51820\n"
            f"[Peer]\nPublicKey = {public[other]}\nAllowedIPs = {sides[other]}/32\n"
            f"Endpoint = {lab.address(other)}:51820\n"
        )
        lab.exec(name, "tee", "/etc/wireguard/wg0.conf", stdin=config.encode())
        started = lab.exec(name, "systemctl", "start", "wg-quick@wg0")
        assert started.returncode == 0, lab.exec(name, "journalctl", "-u", "wg-quick@wg0").stdout.decode()
    until(lambda: lab.exec("virginia", "ping", "-c1", "-W1", "10.84.0.1").returncode == 0)
    for name in sides:
        lab.exec(name, "systemctl", "stop", "wg-quick@wg0")


def test_forwarding_is_each_machine_s_own_switch(lab: Lab) -> None:
    read = ("sysctl", "-n", "net.ipv4.ip_forward")
    assert lab.exec("virginia", "sysctl", "-w", "net.ipv4.ip_forward=1").returncode == 0
    assert lab.exec("virginia", *read).stdout.strip() == b"1"
    assert lab.exec("zurich", *read).stdout.strip() == b"0"
    lab.exec("virginia", "sysctl", "-w", "net.ipv4.ip_forward=0")


def test_a_far_machine_answers_late_and_loses_nothing(lab: Lab) -> None:
    assert lab.slow("virginia") == pytest.approx(67, abs=3)
    lab.slow("virginia", 150)
    ping = lab.exec("zurich", "ping", "-c3", "-i0.2", lab.address("virginia")).stdout.decode()
    lab.exec("virginia", "sh", "-c", "head -c 3000000 /dev/urandom > /run/bulk; sha256sum < /run/bulk > /run/sum")
    lab.exec("virginia", "systemd-run", "--unit=bulk", "python3", "-m", "http.server", "-d", "/run", "8000")
    fetch = ("curl", "-s", "--retry", "5", "--retry-connrefused", f"http://{lab.address('virginia')}:8000/bulk")
    fetched = lab.exec("zurich", *fetch).stdout
    lab.exec("virginia", "systemctl", "stop", "bulk")
    assert lab.slow("virginia", 0) == 0
    assert float(ping.split("mdev = ")[1].split("/")[0]) >= 150
    assert lab.exec("virginia", "cat", "/run/sum").stdout.split()[0].decode() == hashlib.sha256(fetched).hexdigest()


def test_a_narrow_line_carries_what_it_is_said_to_and_not_more(lab: Lab) -> None:
    lab.exec("virginia", "sh", "-c", "head -c 4000000 /dev/zero > /run/bulk")
    lab.exec("virginia", "systemd-run", "--unit=bulk", "python3", "-m", "http.server", "-d", "/run", "8000")
    fetch = (
        "curl",
        "-s",
        "--retry",
        "5",
        "--retry-connrefused",
        "-o",
        "/dev/null",
        "-w",
        "%{size_download} %{time_total}",
    )
    assert lab.slow("virginia", 40, 4) == 40
    row = next(row for row in lab.status()["machines"] if row["name"] == "virginia")
    fetched = lab.exec("zurich", *fetch, f"http://{lab.address('virginia')}:8000/bulk").stdout.decode()
    lab.exec("virginia", "systemctl", "stop", "bulk")
    lab.slow("virginia", 0)
    assert row["rate_mb_s"] == 4
    size, seconds = map(float, fetched.split())
    assert size == 4_000_000
    assert seconds >= 0.9


def test_a_distance_beyond_reason_is_refused(lab: Lab) -> None:
    with pytest.raises(Usage):
        lab.slow("virginia", -1)


def test_a_line_beyond_reason_is_refused(lab: Lab) -> None:
    with pytest.raises(Usage):
        lab.slow("virginia", 0, 0)
