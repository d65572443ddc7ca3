"""The lab's public network: a switch in the supervisor's own network namespace, and one namespace a machine.

The supervisor runs in namespaces of its own (network, mounts, processes), so all of this vanishes with it: the names
below exist for it alone.
"""

from ipaddress import IPv4Interface
from pathlib import Path

from noc.lab.commands import run
from noc.lab.machines import EYE, PUBLIC, STRANGER, Machine

SWITCH = "public"
STRANGER_NAMESPACE = "noclab-stranger"
_NAMES = Path("/run/netns")


def namespace(name: str) -> str:
    """The network namespace of a machine."""
    return f"noclab-{name}"


def namespace_path(name: str) -> Path:
    """Where `ip netns` keeps a machine's namespace."""
    return _NAMES / namespace(name)


async def lay() -> None:
    """Make the switch, the supervisor's own address on it, and the stranger's place."""
    await run("mount", "-t", "tmpfs", "-o", "mode=0755", "noclab", str(_NAMES))
    await run(
        "ip", "-batch", "-",
        stdin=f"link set lo up\nlink add {SWITCH} type bridge forward_delay 0\n"
              f"address add {EYE}/{PUBLIC.prefixlen} dev {SWITCH}\nlink set {SWITCH} up\n",
    )  # fmt: skip
    stranger = IPv4Interface(f"{STRANGER}/{PUBLIC.prefixlen}")
    await _plug(STRANGER_NAMESPACE, "stranger", "02:00:c6:33:64:03", stranger, SWITCH)


async def plug(machine: Machine, switch: str = SWITCH) -> None:
    """Give a machine a network namespace with one card on a switch: fresh, as after every power cycle."""
    await unplug(machine)
    await _plug(namespace(machine.name), machine.port, machine.mac, machine.interface, switch)


async def unplug(machine: Machine) -> None:
    """Take a machine's namespace and its port away; nothing happens where there is none."""
    if namespace_path(machine.name).exists():
        await run("ip", "link", "delete", machine.port)
        await run("ip", "netns", "delete", namespace(machine.name))


async def cable(machine: Machine, *, plugged: bool) -> None:
    """Pull the machine's network cable, or plug it in again: its card loses or finds its carrier."""
    await run("ip", "link", "set", machine.port, "up" if plugged else "down")


async def _plug(name: str, port: str, mac: str, interface: IPv4Interface, switch: str) -> None:
    await run("ip", "netns", "add", name)
    await run(
        "ip", "-batch", "-",
        stdin=f"link add {port} type veth peer name eth0 address {mac} netns {name}\n"
              f"link set {port} master {switch} up\n",
    )  # fmt: skip
    await run(
        "ip", "-n", name, "-batch", "-",
        stdin=f"link set lo up\naddress add {interface} dev eth0\nlink set eth0 up\n",
    )  # fmt: skip
