"""A node's firewall, as nftables text: a table of our own, replaced in one transaction; other tables are left alone."""

import hashlib

PUBLIC_PORTS = (80, 443)

# The first two lines make the table exist and remove it: with what follows that is one transaction, so there is no
# moment without rules, and applying a text twice changes nothing.
_TABLE = """\
table inet noc
delete table inet noc
table inet noc {{
  comment "{mark}"
{body}}}
"""
# The set is filled by the node's watchdog alone, with entries that end by themselves.
_BODY = """\
  set rescue {{
    type ipv4_addr
    flags timeout
  }}
  chain input {{
    type filter hook input priority filter; policy drop;
    ct state established,related accept
    ct state invalid drop
    iif "lo" accept
    tcp dport {{ {ports} }} accept
    iifname "{interface}" tcp dport 22 accept
    ip saddr @rescue tcp dport 22 accept
    icmp type {{ echo-request, destination-unreachable, time-exceeded, parameter-problem }} accept
    icmpv6 type {{ echo-request, destination-unreachable, packet-too-big, time-exceeded, parameter-problem }} accept
    icmpv6 type {{ nd-neighbor-solicit, nd-neighbor-advert, nd-router-advert }} accept
    udp sport 67 udp dport 68 accept
    ip6 saddr fe80::/10 udp sport 547 udp dport 546 accept
  }}
  chain forward {{
    type filter hook forward priority filter; policy drop;
  }}
"""


def node_rules(interface: str = "wg0") -> str:
    """The rules of a node: 80 and 443 for everybody, SSH in the tunnel alone, answers, what ICMP and DHCP need.

    Beyond the tunnel SSH is for whom the watchdog has put into the set `rescue`: nobody, unless HQ was silent for long.

    Args:
        interface: the tunnel's interface.

    Returns:
        A file for `nft -f`. Nothing is forwarded; nothing that the node sends is held back.
    """
    body = _BODY.format(ports=", ".join(map(str, PUBLIC_PORTS)), interface=interface)
    return _TABLE.format(mark=_mark(body), body=body)


def mark_of(rules: str) -> str:
    """The comment that tells a running table that came from these rules from any other."""
    return rules.split('comment "', 1)[1].split('"', 1)[0]


def _mark(body: str) -> str:
    return f"noc {hashlib.sha256(body.encode()).hexdigest()[:16]}"
