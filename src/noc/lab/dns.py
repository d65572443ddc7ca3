"""The lab's name server: Knot's configuration and zone files (RFC 1035, section 5), derived from the machines."""

from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from secrets import token_bytes

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


@dataclass(frozen=True)
class Knot:
    """One name server.

    Attributes:
        listen: where it answers, `ADDRESS@PORT`.
        run: a directory for what it needs while it runs.
        database: a directory for the journals of zones that are changed.
        zones: the directory of the zone files, `ZONE.zone`.
        updates: per zone, the key by which it is changed and transferred (RFC 2136, RFC 8945), as `tsig_key` makes it.
    """

    listen: Sequence[str] = ("127.0.0.1@53", f"{INTERNET}@53")
    run: str = "/run/noc-knot"
    database: str = "/var/lib/noc-knot"
    zones: str = "/etc/knot"
    updates: Mapping[str, str] = field(default_factory=dict)

    def conf(self, zones: Iterable[str]) -> str:
        """Knot's configuration: authoritative for the zones, and for nothing else.

        Zone files are never written: what was changed stands in the journal, and is laid over them at each start.
        """
        head = f"server:\n  rundir: {self.run}\n  listen: [ {', '.join(self.listen)} ]\n"
        log = "log:\n  - target: stderr\n    any: warning\n"
        database = f"database:\n  storage: {self.database}\n"
        tables = "".join(self._zone(zone) for zone in zones)
        return f"{head}{log}{database}{self._keys()}zone:\n{tables}"

    def _keys(self) -> str:
        keys, acls = "", ""
        for zone, text in self.updates.items():
            name, algorithm, secret = text.split()
            keys += f"  - id: {name}\n    algorithm: {algorithm}\n    secret: {secret}\n"
            acls += f"  - id: {zone}\n    key: {name}\n    action: [ transfer, update ]\n"
        return f"key:\n{keys}acl:\n{acls}" if keys else ""

    def _zone(self, zone: str) -> str:
        changed = f"    acl: {zone}\n    zonefile-sync: -1\n" if zone in self.updates else ""
        return f"  - domain: {zone}\n    storage: {self.zones}\n    file: {zone}.zone\n{changed}"


def tsig_key() -> str:
    """A new key for dynamic updates, `NAME ALGORITHM SECRET`, as HQ's credential `dns_tsig` has it."""
    return f"noc hmac-sha256 {b64encode(token_bytes(32)).decode()}"
