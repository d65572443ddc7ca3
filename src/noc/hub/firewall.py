"""HQ's firewall, as pure text and argument lists: for nftables, or for UFW where UFW is at work; never both.

Public: the tunnel's port, HTTP and HTTPS, SSH. From the tunnel: the push port and nothing else. Nothing is forwarded.
"""

from noc.fleet.model import Fleet

PUBLIC_TCP = (22, 80, 443)


def nftables_text(fleet: Fleet) -> str:
    """One table of our own, replaced as a whole in one transaction; other tables are left alone (nft(8))."""
    tunnel, hub = fleet.tunnel, fleet.hub
    ports = ", ".join(map(str, PUBLIC_TCP))
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

    Opening comes before closing; the two rules of the tunnel are put in front of all others, in reverse.
    """
    tunnel, hub = fleet.tunnel, fleet.hub
    opened = [("ufw", "allow", f"{port}/tcp") for port in PUBLIC_TCP]
    pushes = ("from", str(tunnel.network), "to", str(hub.tunnel), "port", str(tunnel.push_port), "proto", "tcp")
    return (
        *opened,
        ("ufw", "allow", f"{tunnel.port}/udp"),
        ("ufw", "prepend", "deny", "in", "on", tunnel.interface),
        ("ufw", "prepend", "allow", "in", "on", tunnel.interface, *pushes),
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
