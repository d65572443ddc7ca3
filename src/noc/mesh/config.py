"""Configurations of the hub and of the spokes, in the syntax of wg-quick(8). No text holds a private key."""

import shlex

from noc.fleet.model import Fleet, Node

SPOKE_KEY = "/etc/wireguard/wg0.key"


def hub_config(fleet: Fleet, private_key_path: str) -> str:
    """The hub's own half: address and port. Its peers come from `peers.conf`, by `hub_sync_script`.

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


def hub_sync_script(fleet: Fleet, private_key_path: str, peers_path: str) -> str:
    """A POSIX shell script that makes the hub's peers those of `peers.conf`; other peers' tunnels stay up.

    `wg syncconf` takes what a file leaves out as unset: with the peers alone it would drop the hub's key and port.
    So the interface's own half is put in front. The key travels through a pipe, never in an argument.

    Args:
        fleet: the fleet.
        private_key_path: file on HQ that holds the hub's private key.
        peers_path: the rendered `wireguard/peers.conf`.
    """
    key, peers = shlex.quote(private_key_path), shlex.quote(peers_path)
    return "\n".join(
        [
            "{",
            f"  printf '[Interface]\\nListenPort = {fleet.tunnel.port}\\nPrivateKey = %s\\n' \"$(cat {key})\"",
            f"  cat {peers}",
            f"}} | wg syncconf {fleet.tunnel.interface} /dev/stdin",
            "",
        ]
    )


def spoke_config(fleet: Fleet, node: Node, hub_public_key: str) -> str:
    """A node's tunnel: the hub is its only peer, and the hub's address the only one that is routed into it.

    Args:
        fleet: the fleet.
        node: the node.
        hub_public_key: the hub's public key, base64.
    """
    return "\n".join(
        [
            "[Interface]",
            f"Address = {node.tunnel}/32",
            f"MTU = {fleet.tunnel.mtu}",
            f"PostUp = wg set %i private-key {SPOKE_KEY}",
            "",
            "[Peer]",
            f"# {fleet.hub.name}",
            f"PublicKey = {hub_public_key}",
            f"Endpoint = {fleet.hub.address}:{fleet.tunnel.port}",
            f"AllowedIPs = {fleet.hub.tunnel}/32",
            f"PersistentKeepalive = {fleet.tunnel.keepalive}",
            "",
        ]
    )
