"""What somebody who is not HQ sees of a node: open ports and the certificate, from the lab's third network."""

import json
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

from noc.lab.lab import Lab

SCANS_AT_ONCE = 4


@dataclass(frozen=True)
class Scan:
    """What nmap found on one address: every TCP port looked at, and those that answered."""

    address: str
    scanned: int
    open_ports: tuple[int, ...]


@dataclass(frozen=True)
class Tls:
    """One strict TLS connection: whether it held, and what was seen or refused, as text."""

    ok: bool
    seen: str


def scan_all(lab: Lab, nodes: Sequence[str]) -> dict[str, Scan]:
    """Scan all 65,535 TCP ports of each node's public address, a few nodes at a time."""
    with ThreadPoolExecutor(SCANS_AT_ONCE) as pool:
        return dict(zip(nodes, pool.map(lambda node: _scan(lab, node), nodes), strict=True))


def _scan(lab: Lab, node: str) -> Scan:
    address = lab.address(node)
    pace = ("-T5", "--min-rate", "15000", "--max-retries", "1")
    done = lab.stranger_exec("nmap", "-n", "-Pn", "-p-", *pace, "-oX", "-", address, timeout_s=120)
    return parse_nmap(address, done.stdout.decode(errors="replace"))


def parse_nmap(address: str, xml: str) -> Scan:
    """Read nmap's XML report (its own program's output, on this machine) of one address."""
    root = ET.fromstring(xml)  # noqa: S314 - made by the nmap that was just started, not by a stranger
    info = root.find("scaninfo")
    scanned = int(info.get("numservices", "0")) if info is not None else 0
    found = (
        int(port.get("portid", "0"))
        for port in root.iter("port")
        if (state := port.find("state")) is not None and state.get("state") == "open"
    )
    return Scan(address, scanned, tuple(sorted(found)))


def tls(lab: Lab, node: str, hostname: str, trust_bundle: Path) -> Tls:
    """Ask a node's public name over strict TLS 1.2+ for its health."""
    done = lab.stranger_exec(
        sys.executable, "-m", "noc.lab.tls_probe", hostname, lab.address(node), str(trust_bundle), timeout_s=30
    )
    try:
        seen = json.loads(done.stdout)
    except ValueError:
        return Tls(ok=False, seen=done.stderr.decode(errors="replace").strip()[-300:])
    if not seen["ok"]:
        return Tls(ok=False, seen=str(seen.get("error", seen)))
    text = f"{seen['protocol']}, {seen['status']}, {seen['days']} days left, issued by {seen['issuer']}"
    return Tls(ok=True, seen=text)
