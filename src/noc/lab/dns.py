"""The lab's name server: Knot's configuration and zone files (RFC 1035, section 5), derived from the machines."""

from collections.abc import Iterable

from noc.lab.machines import INTERNET, Machine

TTL_S = 5


def zone_of(name: str, zones: Iterable[str]) -> str | None:
    """The zone that a name lies in, None where it lies in none."""
    return next((zone for zone in zones if name == zone or name.endswith(f".{zone}")), None)


def zone_file(zone: str, machines: Iterable[Machine]) -> str:
    """The zone's records: its name server, and an address for each name of a machine that lies in it."""
    names = sorted(
        (f"{name}.", str(machine.address))
        for machine in machines
        for name in machine.dns_names
        if zone_of(name, [zone]) is not None and name != "ns.lab"
    )
    head = [
        f"$ORIGIN {zone}.",
        f"$TTL {TTL_S}",
        f"@ SOA ns.lab. hostmaster.lab. 1 3600 600 86400 {TTL_S}",
        "@ NS ns.lab.",
        *([f"ns.lab. A {INTERNET}"] if zone == "lab" else []),
    ]
    return "\n".join([*head, *(f"{name} A {address}" for name, address in names)]) + "\n"


def knot_conf(zones: Iterable[str]) -> str:
    """Knot's configuration: authoritative for the zones, and for nothing else."""
    head = f"server:\n  rundir: /run/noc-knot\n  listen: [ 127.0.0.1@53, {INTERNET}@53 ]\n"
    database = "database:\n  storage: /run/noc-knot\n"
    log = "log:\n  - target: stderr\n    any: warning\n"
    table = "".join(f"  - domain: {zone}\n    storage: /etc/knot\n    file: {zone}.zone\n" for zone in zones)
    return f"{head}{log}{database}zone:\n{table}"
