"""Configurations of the hub and of the spokes, in the syntax of wg-quick(8). No text holds a private key."""

import shlex
from collections.abc import Mapping
from typing import Any

from noc.fleet.model import Fleet, Node

SPOKE_KEY = "/etc/wireguard/wg0.key"


def hub_config(fleet: Fleet, private_key_path: str) -> str:
    """The hub's own half: address and port. Its peers come from `peers.conf`, by `noc.hub.tunnel.apply_peers`.

    Args:
        fleet: the fleet.
        private_key_path: file on HQ that holds the hub's private key.
    """
    return "\n".join(
        [
            "[Interface]",
            f"Address = {fleet.hub.tunnel}/{fleet.tunnel.network.prefixlen}",
            f"ListenPort = {fleet.tunnel.port}",
            f"MTU = {fleet.tunnel.mtu}",
            f"PostUp = wg set %i private-key {shlex.quote(private_key_path)}",
            "",
        ]
    )


def spoke_config(fleet: Fleet, node: Node, hub_public_key: str) -> str:
    """A node's tunnel: the hub is its only peer, and the hub's address the only one that is routed into it.

    The keepalive comes with the key: set before it, it would start a handshake that cannot be signed, and the next one
    is due only 5 s later.

    Args:
        fleet: the fleet.
        node: the node.
        hub_public_key: the hub's public key, base64.
    """
    alive = f"peer {hub_public_key} persistent-keepalive {fleet.tunnel.keepalive}"
    return "\n".join(
        [
            "[Interface]",
            f"Address = {node.tunnel}/32",
            f"MTU = {fleet.tunnel.mtu}",
            f"PostUp = wg set %i private-key {SPOKE_KEY} {alive}",
            "",
            "[Peer]",
            f"# {fleet.hub.name}",
            f"PublicKey = {hub_public_key}",
            f"Endpoint = {fleet.hub.address}:{fleet.tunnel.port}",
            f"AllowedIPs = {fleet.hub.tunnel}/32",
            "",
        ]
    )


def peer_config(hub: Mapping[str, Any], address: str) -> str:
    """An operator's machine, whose private key is to be put in there, by `wg genkey` on that machine.

    Args:
        hub: HQ's `key`, `key_next` (None for none), `endpoint`, tunnel `address`, `mtu`, and public `names`.
        address: the machine's own in the tunnel.
    """
    names = " ".join(hub["names"])
    soon = [f"# HQ's key is about to be this one: {hub['key_next']}"] if hub["key_next"] else []
    return "\n".join(
        [
            f"# In /etc/hosts, so that HQ's pages come through the tunnel: {hub['address']} {names}",
            "[Interface]",
            "# PrivateKey = what wg genkey has printed on this machine",
            f"Address = {address}/32",
            f"MTU = {hub['mtu']}",
            "",
            "[Peer]",
            *soon,
            f"PublicKey = {hub['key']}",
            f"Endpoint = {hub['endpoint']}",
            f"AllowedIPs = {hub['address']}/32",
            "PersistentKeepalive = 25",
            "",
        ]
    )
