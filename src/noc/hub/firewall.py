"""HQ's firewall, as pure text and argument lists: for nftables, or for UFW where UFW is at work; never both.

Public: the tunnel's port, HTTP and HTTPS, SSH. From the tunnel: the push port, and for operators' machines HTTPS and
SSH of HQ itself. Nothing is forwarded, so that nobody reaches a node through HQ.
"""

from noc.fleet.model import Fleet
from noc.fleet.peers import addresses

PUBLIC_TCP = (22, 80, 443)
OPERATORS_TCP = (22, 443)
"""What operators' machines reach through the tunnel."""


def nftables_text(fleet: Fleet) -> str:
    """One table of our own, replaced as a whole in one transaction; other tables are left alone (nft(8))."""
    tunnel, hub = fleet.tunnel, fleet.hub
    ports, theirs = (", ".join(map(str, each)) for each in (PUBLIC_TCP, OPERATORS_TCP))
    low, *_, high = addresses(fleet)
    return f"""\
#!/usr/sbin/nft -f
# HQ's firewall, written by `noc hub install`; edited by hand, it is overwritten.
table inet noc
delete table inet noc
table inet noc {{
	chain input {{
		type filter hook input priority filter; policy drop;
		ct state established,related accept
		ct state invalid drop
		iifname "lo" accept
		iifname "{tunnel.interface}" ip saddr {tunnel.network} ip daddr {hub.tunnel} tcp dport {tunnel.push_port} accept
		iifname "{tunnel.interface}" ip saddr {low}-{high} ip daddr {hub.tunnel} tcp dport {{ {theirs} }} accept
		iifname "{tunnel.interface}" drop
		meta l4proto {{ icmp, icmpv6 }} accept
		udp dport {tunnel.port} accept
		tcp dport {{ {ports} }} accept
		udp sport 67 udp dport 68 accept
		ip6 saddr fe80::/10 udp dport 546 accept
	}}
	chain forward {{
		type filter hook forward priority filter; policy drop;
	}}
}}
"""


def ufw_commands(fleet: Fleet) -> tuple[tuple[str, ...], ...]:
    """The same for UFW (ufw(8)), in an order that never shuts out who is working on the machine.

    Opening comes before closing; the rules of the tunnel are put in front of all others, in reverse.
    """
    tunnel, hub = fleet.tunnel, fleet.hub
    opened = [("ufw", "allow", f"{port}/tcp") for port in PUBLIC_TCP]
    allow = ("ufw", "prepend", "allow", "in", "on", tunnel.interface)
    pushes = ("from", str(tunnel.network), "to", str(hub.tunnel), "port", str(tunnel.push_port), "proto", "tcp")
    ports = ",".join(map(str, OPERATORS_TCP))
    theirs = (("from", str(each), "to", str(hub.tunnel), "port", ports, "proto", "tcp") for each in addresses(fleet))
    return (
        *opened,
        ("ufw", "allow", f"{tunnel.port}/udp"),
        ("ufw", "prepend", "deny", "in", "on", tunnel.interface),
        *((*allow, *peer) for peer in theirs),
        (*allow, *pushes),
        ("ufw", "default", "deny", "incoming"),
        ("ufw", "default", "deny", "routed"),
    )


def sshd_text() -> str:
    """What sshd on HQ must hold to (sshd_config(5)): keys only."""
    return """\
# Written by `noc hub install`.
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
"""
