"""What HQ can see of its own end of the tunnel without being root (proc(5))."""

from collections.abc import Iterator
from ipaddress import IPv4Network
from pathlib import Path

_NET = Path("/proc/net")


def listening(port: int, net: Path = _NET) -> bool | None:
    """Whether something takes UDP packets at a port; None where the kernel does not tell.

    Args:
        port: of UDP.
        net: the directory of the kernel's tables.
    """
    try:
        return any(each == port for name in ("udp", "udp6") for each in _ports(net / name))
    except (OSError, ValueError, IndexError):
        return None


def _ports(table: Path) -> Iterator[int]:
    if table.exists():
        for line in table.read_text().splitlines()[1:]:
            yield int(line.split()[1].rpartition(":")[2], 16)


def routes(text: str) -> tuple[tuple[str, IPv4Network], ...]:
    """Interface and destination of each route of IPv4, the default one left out.

    Args:
        text: content of `/proc/net/route`: addresses are hexadecimal, in the order of a little machine's bytes.
    """
    rows = (line.split() for line in text.splitlines()[1:])
    found = ((row[0], _network(row[1], row[7])) for row in rows if len(row) > 7)
    return tuple((device, network) for device, network in found if network.prefixlen)


def _network(address: str, mask: str) -> IPv4Network:
    number, bits = (int.from_bytes(bytes.fromhex(text), "little") for text in (address, mask))
    return IPv4Network((number, bits.bit_count()))


def own_routes(net: Path = _NET) -> tuple[tuple[str, IPv4Network], ...]:
    """HQ's routes; none where the kernel does not tell."""
    try:
        return routes((net / "route").read_text())
    except (OSError, ValueError):
        return ()
