"""The lab's internet: one machine with name server, ACME authority, package repository, and stand-ins for services.

All of it is files, made before the machine's first boot; its own systemd runs and restarts the services.
"""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from noc.lab.dns import Knot, zone_file
from noc.lab.machines import INTERNET, Machine
from noc.lab.standins import PROGRAMS, STAND_INS, programs

ACME_DIRECTORY = "https://acme.lab:14000/dir"
ACME_ROOTS = "https://acme.lab:15000/roots/0"
NAME_SERVER = f"{INTERNET}:53"
HEALTH = (
    "http://apt.lab/base/InRelease",
    ACME_DIRECTORY,
    *(f"{each.url}{each.health}" for each in STAND_INS),
)
"""What answers 200 once the lab's internet is there; the names need its DNS."""
ARCHIVE = "/srv/archive"
REPOSITORY, OFFERS = f"{ARCHIVE}/base", f"{ARCHIVE}/offers"
"""The images' packages, and those that the lab offers beside them."""
TLS_NAMES = ("acme.lab", *(each.host for each in STAND_INS))
_TLS = "/etc/noc-internet"


def internet_files(
    domain: str,
    machines: Iterable[Machine],
    certificates: Mapping[str, tuple[bytes, bytes]],
    tokens: Mapping[str, str],
    dns_key: str,
    *,
    bare_zone: bool = False,
) -> dict[Path, tuple[bytes, int]]:
    """The files of the internet's machine.

    Args:
        domain: the fleet's zone.
        machines: whose names the DNS knows.
        certificates: certificate and key, PEM, for each of `TLS_NAMES`.
        tokens: what each of `STAND_INS` accepts, by its name.
        dns_key: the key by which the fleet's zone is changed and transferred, `NAME ALGORITHM SECRET`.
        bare_zone: let the fleet's zone begin without a name of the fleet, as one is that has just been bought.

    Returns:
        Path below the machine's root → content and mode.
    """
    zones, machines = (domain, "lab"), tuple(machines)
    named = {domain: () if bare_zone else machines, "lab": machines}
    texts = {
        "etc/knot/knot.conf": Knot(updates={domain: dns_key}).conf(zones),
        **{f"etc/knot/{zone}.zone": zone_file(zone, named[zone]) for zone in zones},
        "etc/noc-internet/pebble.json": json.dumps({"pebble": _pebble()}),
        **{path[1:]: text for path, text in programs().items()},
        **{f"etc/systemd/system/{unit}": text for unit, text in _units().items()},
        "etc/systemd/system/multi-user.target.d/noc.conf": f"[Unit]\nWants={' '.join(_units())}\n",
    }
    secrets = {f"{name}.token": token.encode() for name, token in tokens.items()}
    for name, (certificate, key) in certificates.items():
        secrets |= {f"{name}.crt": certificate, f"{name}.key": key}
    return {
        **{Path(path): (text.encode(), 0o644) for path, text in texts.items()},
        **{Path(_TLS[1:]) / name: (content, 0o600) for name, content in secrets.items()},
    }


def _pebble() -> dict[str, object]:
    return {
        "listenAddress": "0.0.0.0:14000",
        "managementListenAddress": "0.0.0.0:15000",
        "certificate": f"{_TLS}/acme.lab.crt",
        "privateKey": f"{_TLS}/acme.lab.key",
        "httpPort": 80,
        "tlsPort": 443,
    }


def _units() -> dict[str, str]:
    commands = {
        "noc-knot": "/usr/sbin/knotd -c /etc/knot/knot.conf",
        "noc-pebble": f"/usr/bin/pebble -config {_TLS}/pebble.json -dnsserver 127.0.0.1:53",
        "noc-apt": f"/usr/bin/caddy file-server --listen :80 --root {ARCHIVE}",
        **{f"noc-{each.name}": each.command(_TLS) for each in STAND_INS},
    }
    # Pebble waits a random time before each validation unless told otherwise; Caddy wants a home for its state.
    environment = f"PEBBLE_VA_NOSLEEP=1 HOME=/root PYTHONPATH={PROGRAMS}"
    # What was changed in a zone outlives a restart of the name server, as it does on a real one.
    unprivileged = {"noc-knot": "User=knot\nStateDirectory=noc-knot\nAmbientCapabilities=CAP_NET_BIND_SERVICE\n"}
    return {
        f"{name}.service": f"[Unit]\nDescription=lab internet: {name}\nStartLimitIntervalSec=0\n\n"
        f"[Service]\nEnvironment={environment}\nRuntimeDirectory={name}\nRestart=always\nRestartSec=0.2\n"
        f"{unprivileged.get(name, '')}ExecStart={command}\n"
        for name, command in commands.items()
    }
