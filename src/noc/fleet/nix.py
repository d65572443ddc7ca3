"""The fleet as Nix: the modules that come with the program, and the variables that are derived for them."""

import re
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Final

from noc.fleet.inventory import Inventory
from noc.fleet.model import Fleet, Node

BANNER: Final = "# Derived from fleet.toml and inventory.toml by `noc render`; edited by hand, it drifts."
MODULES: Final = ("base.nix", "flake.nix")
NODES: Final = "nixos/nodes/*.nix"
RENDERED: Final = (NODES, "nixos/fleet.nix", *(f"nixos/{name}" for name in MODULES))
ACME_ROOT: Final = "/etc/noc-node/acme-root.pem"

NixValue = str | int | None | Sequence[str]


def nix_files(fleet: Fleet, inventory: Inventory) -> dict[str, str]:
    """What a Nix machine builds the nodes from: path relative to the fleet directory → text.

    The fleet's own variables are left out until HQ has its keys: a system that nobody can enter must not be built.
    """
    found = {f"nixos/{name}": module(name) for name in MODULES}
    if inventory.hub.wireguard_key and inventory.hub.ssh_key:
        found["nixos/fleet.nix"] = fleet_nix(fleet, inventory.hub.wireguard_key, inventory.hub.ssh_key)
    named = ((node, inventory.aliases(fleet, node)) for node in fleet.nodes)
    return found | {f"nixos/nodes/{node.name}.nix": nix_node(node, aliases) for node, aliases in named}


def module(name: str) -> str:
    """The text of a module that comes with the program."""
    packaged = files("noc.fleet").joinpath("nixos", name)
    in_checkout = Path(__file__).parents[3] / "nixos" / name
    return packaged.read_text("utf-8") if packaged.is_file() else in_checkout.read_text("utf-8")


def fleet_nix(fleet: Fleet, hub_key: str, hub_ssh_key: str) -> str:
    """What all nodes have in common, as a Nix module.

    Args:
        fleet: the fleet.
        hub_key: HQ's public WireGuard key, base64.
        hub_ssh_key: HQ's public SSH key, one OpenSSH line.
    """
    values: dict[str, NixValue] = {
        "domain": fleet.domain,
        "hubAddress": str(fleet.hub.address),
        "hubPort": fleet.tunnel.port,
        "hubTunnelAddress": str(fleet.hub.tunnel),
        "hubKey": hub_key,
        "hubSshKey": hub_ssh_key,
        "keepalive": fleet.tunnel.keepalive,
        "mtu": fleet.tunnel.mtu,
        "acmeDirectory": fleet.acme.authority,
        "acmeEmail": fleet.acme.email,
        "acmeRootFile": ACME_ROOT if fleet.acme.ca_root else None,
    }
    return _module("fleet", values)


def nix_node(node: Node, aliases: Sequence[str]) -> str:
    """One node's variables as a Nix module; what they mean stands in `nixos/base.nix`.

    Args:
        node: the node.
        aliases: the names that its proxy answers beside its own.
    """
    values: dict[str, NixValue] = {
        "aliases": aliases,
        "hostName": node.name,
        "pushTokenFile": "/etc/clavitor/environment",
        "region": node.region,
        "subdomain": node.subdomain,
        "tunnelAddress": str(node.tunnel),
    }
    return _module("node", values)


def _module(group: str, values: Mapping[str, NixValue]) -> str:
    lines = [f"    {name} = {nix_value(value)};" for name, value in values.items()]
    return "\n".join([BANNER, "{", f"  clavitor.{group} = {{", *lines, "  };", "}", ""])


def nix_value(value: NixValue) -> str:
    """A Nix literal: null, a number, a list, or a string with what would end or interpolate it escaped."""
    match value:
        case None:
            return "null"
        case int():
            return str(value)
        case str():
            escaped = re.sub(r'(["\\]|\$\{)', r"\\\1", value)
            return f'"{escaped}"'.replace("\n", "\\n").replace("\r", "\\r").replace("\t", "\\t")
        case _:
            return f"[ {' '.join(map(nix_value, value))} ]" if value else "[ ]"
