"""Why a tunnel does not carry: one verdict and one fix, by a table over what was seen from both ends. Pure.

What WireGuard does is in its paper (Donenfeld, NDSS 2017): it never answers a stranger, so that a wrong key, a wrong
endpoint and a shut port look alike; a handshake is taken only if its TAI64N time is later than the newest that was
taken from that peer (section 5.1), so that a clock that was set back shuts a node out. And a path that swallows large
packets shows only in what stalls.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network

from noc.mesh.status import LinkState, PeerStatus, link_state

CLOCK_S = 2.0
"""Seconds that a clock may be off before it is told: what is read of it is rounded to one."""
SEGMENTS = (1300, 1240, 1160, 1060, 860, 536)
"""Bytes of TCP that are tried one after the other where those of the tunnel's own MTU do not arrive."""
HEADERS = 40
"""Bytes of IPv4 and TCP in front of a segment."""
OUTER = 60
"""Bytes of IPv4, UDP and WireGuard around a packet of the tunnel."""
LEAST_MTU = 1280
"""The smallest that fleet.toml takes, as that of IPv6 (RFC 8200, section 5)."""


@dataclass(frozen=True)
class Seen:
    """What was seen of one tunnel. None is what could not be looked at.

    Attributes:
        at: when, Unix seconds.
        node: its name.
        address: the node's public address, as inventory.toml has it.
        key: the node's public key, as inventory.toml has it.
        key_other: the other key that it may hold while a rotation is not settled.
        hub_key: the hub's public key, as inventory.toml has it.
        hub_endpoint: `ADDRESS:PORT` of the hub, as fleet.toml has it.
        unread: why the hub's counters could not be read; "" where they could.
        peer: what the hub has counted for the node's key; None where it does not know that key.
        others_up, others: of the other live nodes, how many have a tunnel that is up, and how many there are.
        listening: whether something on HQ takes the tunnel's port.
        let_in: whether HQ's firewall lets the tunnel's port in.
        overlaps: routes that take the other end's address away from the tunnel, in words.
        public: whether the node answers in public; what it said, in `public_words`.
        ahead_s: how far the node's clock is ahead of HQ's.
        newest: the latest time, by the node's clock, at which the hub has heard the node; Unix seconds.
        round_trip_ms: of a TCP handshake with the node through the tunnel.
        answered: whether the hub's counter of received bytes grew while it was asked.
        segment, whole: the largest TCP segment that came through, 0 for none; and the one that should, in bytes.
        via: the way on which the node itself could be asked; "" for none.
        own_key, own_hub_key, own_endpoint: what the node itself has: its public key, its peer's, its peer's endpoint.
    """

    at: float
    node: str
    hub_endpoint: str
    whole: int
    address: str | None = None
    key: str | None = None
    key_other: str | None = None
    hub_key: str | None = None
    unread: str = ""
    peer: PeerStatus | None = None
    others_up: int = 0
    others: int = 0
    listening: bool | None = None
    let_in: bool | None = None
    overlaps: tuple[str, ...] = ()
    public: bool | None = None
    public_words: str = ""
    ahead_s: float | None = None
    newest: float | None = None
    round_trip_ms: float | None = None
    answered: bool | None = None
    segment: int | None = None
    via: str = ""
    own_key: str | None = None
    own_hub_key: str | None = None
    own_endpoint: str | None = None

    @property
    def carries(self) -> bool:
        """Whether the tunnel carries anything now."""
        return self.round_trip_ms is not None or self.answered is True

    @property
    def heard_from(self) -> str | None:
        """The address that the hub heard the node from last."""
        return self.peer.endpoint.rpartition(":")[0].strip("[]") if self.peer and self.peer.endpoint else None

    @property
    def drifted(self) -> bool:
        """Whether the hub hears the node from another address than the one that is written down."""
        return None not in (self.heard_from, self.address) and self.heard_from != self.address

    @property
    def replays(self) -> bool:
        """Whether the node's clock shows a time that the hub has already heard of it."""
        return None not in (self.ahead_s, self.newest) and self.at + (self.ahead_s or 0) + CLOCK_S < (self.newest or 0)

    @property
    def never(self) -> bool:
        """Whether the hub has shaken hands with this key never."""
        return link_state(self.peer, self.at) is LinkState.NEVER


@dataclass(frozen=True)
class Verdict:
    """What is wrong, in one word and in a sentence, and the one thing that mends it; `well` needs nothing."""

    name: str
    why: str
    fix: str = ""


@dataclass(frozen=True)
class Rule:
    """One row of the table: when it holds, and what is then said; `{…}` stands for a field of what was seen."""

    name: str
    holds: Callable[[Seen], bool]
    why: str
    fix: str = ""


HUB_RULES: tuple[Rule, ...] = (
    Rule("no-key", lambda s: s.key is None, "{node} has no tunnel key yet", "noc provision {node}"),
    Rule("hub-unread", lambda s: bool(s.unread), "HQ cannot say how its tunnel is: {unread}",
         "on HQ: systemctl restart noc-tunnels.socket"),
    Rule("hub-down", lambda s: s.listening is False, "nothing on HQ takes packets for {hub_endpoint}",
         "on HQ, as root: systemctl restart wg-quick@wg0 noc-peers"),
    Rule("port-shut", lambda s: s.let_in is False,
         "HQ's firewall does not let {hub_endpoint}/udp in; tunnels that are up stay so until they pause once",
         "on HQ, as root: noc hub install"),
    Rule("overlap", lambda s: bool(s.overlaps), "another route takes the tunnel's addresses: {overlap}",
         "remove that route, or give [tunnel] network in fleet.toml a range that nobody uses"),
    Rule("unknown-key", lambda s: s.peer is None, "the hub does not know the key that inventory.toml has of {node}",
         "on HQ, as root: systemctl restart noc-peers; noc render --check says whether its list is old"),
)  # fmt: skip
"""What HQ sees of its own end, and what no word of the node could change."""
NODE_RULES: tuple[Rule, ...] = (
    Rule("port-shut", lambda s: not s.carries and s.others > 0 and s.others_up == 0 and s.public is True,
         "no node reaches HQ, and {node} serves in public: {hub_endpoint}/udp is shut before HQ or by it",
         "let {hub_endpoint}/udp in at HQ's provider; on HQ, as root: noc hub install"),
    Rule("wrong-key", lambda s: not s.carries and s.own_key is not None and s.own_key not in (s.key, s.key_other),
         "{node} holds another key ({own_key}) than inventory.toml has ({key})", "noc rescue {node}"),
    Rule("wrong-hub-key", lambda s: not s.carries and s.own_hub_key is not None and s.own_hub_key != s.hub_key,
         "{node} expects another hub ({own_hub_key}) than HQ is ({hub_key})", "noc rescue {node}"),
    Rule("wrong-endpoint",
         lambda s: not s.carries and s.own_endpoint is not None and s.own_endpoint != s.hub_endpoint,
         "{node} looks for HQ at {own_endpoint}, and HQ is at {hub_endpoint}", "noc rescue {node}"),
    Rule("clock", lambda s: not s.carries and s.replays,
         "the clock of {node} was set back: WireGuard takes no handshake that is older than the newest it took",
         "set the clock of {node} right (at its console: timedatectl set-ntp true); HQ forgets the newest with: "
         "systemctl restart wg-quick@wg0 noc-peers"),
    Rule("down", lambda s: not s.carries and s.public is False,
         "{node} answers nowhere, neither in the tunnel nor in public ({public_words})",
         "look at its console, and start the machine"),
    Rule("never-shaken", lambda s: not s.carries and s.never,
         "{node} serves in public, and the hub has never shaken hands with its key: the node holds another one, looks "
         "for HQ elsewhere, or its UDP does not get out", "noc rescue {node}"),
    Rule("silent", lambda s: not s.carries,
         "{node} serves in public, and its tunnel fell silent: its last handshake was {age} ago", "noc rescue {node}"),
    Rule("mtu", lambda s: s.segment is not None and 0 < s.segment < LEAST_MTU - HEADERS,
         "the path swallows large packets: of TCP segments those up to {segment} bytes come through, {whole} do not",
         "let the path carry UDP of {least} bytes, at the node's provider or HQ's: no tunnel is made for less"),
    Rule("mtu", lambda s: s.segment is not None and 0 < s.segment < s.whole,
         "the path swallows large packets: of TCP segments those up to {segment} bytes come through, {whole} do not",
         "set [tunnel] mtu = {mtu} in fleet.toml, then noc deploy all --config, and on HQ: noc hub install"),
    Rule("ssh-silent", lambda s: s.round_trip_ms is None or s.segment == 0,
         "the tunnel carries, and SSH at its other end does not answer", "at the console of {node}: systemctl restart "
         "ssh; nft list table inet noc"),
    Rule("endpoint-drift", lambda s: s.drifted,
         "the tunnel carries, and comes from {heard_from}, while inventory.toml has {address}",
         "noc move {node} --ip {heard_from}, unless it is behind NAT"),
    Rule("well", lambda _: True, "the tunnel carries: {trip} there and back, {segment} bytes a segment"),
)  # fmt: skip
"""What takes both ends."""
RULES = HUB_RULES + NODE_RULES
"""The table: the first row that holds is the verdict. Above stand causes that explain what stands below."""


def diagnose(seen: Seen) -> Verdict:
    """The one verdict."""
    rule = next(rule for rule in RULES if rule.holds(seen))
    words = {
        **{name: getattr(seen, name) for name in Seen.__dataclass_fields__},
        "overlap": "; ".join(seen.overlaps),
        "age": age(seen),
        "heard_from": seen.heard_from,
        "mtu": (seen.segment or 0) + HEADERS,
        "least": LEAST_MTU + OUTER,
        "trip": f"{seen.round_trip_ms:.1f} ms" if seen.round_trip_ms is not None else "-",
    }
    return Verdict(rule.name, rule.why.format(**words), rule.fix.format(**words))


def settled(seen: Seen) -> bool:
    """Whether what HQ sees of its own end is the verdict already."""
    return any(rule.holds(seen) for rule in HUB_RULES)


def age(seen: Seen) -> str:
    """How long ago the last handshake was: `41 s`, `12 min`, `3 h`, `never`."""
    if seen.peer is None or seen.peer.handshake_at is None:
        return "never"
    seconds = max(0, round(seen.at - seen.peer.handshake_at))
    return f"{seconds} s" if seconds < 120 else f"{seconds // 60} min" if seconds < 7200 else f"{seconds // 3600} h"


def evidence(seen: Seen) -> tuple[tuple[str, str], ...]:
    """What was seen, as what it is of and in words, in the order of the table."""
    return tuple((what, words) for what, words in _evidence(seen) if words)


def _evidence(seen: Seen) -> Iterator[tuple[str, str]]:
    peer = seen.peer
    yield "hub's counters", seen.unread or "" if not peer else f"{peer.received} bytes received, {peer.sent} sent"
    yield "handshake", "" if not peer else age(seen) if peer.handshake_at is None else f"{age(seen)} ago"
    yield "heard from", "" if not peer else peer.endpoint or "nowhere"
    yield "address in the inventory", seen.address or "none"
    yield "key in the inventory", seen.key or "none"
    yield "hub knows that key", "" if seen.unread else "yes" if peer else "no"
    yield "key on the node", f"{seen.own_key} (asked {seen.via})" if seen.own_key else "the node could not be asked"
    yield "hub's key on the node", seen.own_hub_key or ""
    yield "hub's endpoint on the node", seen.own_endpoint or ""
    yield "port on HQ", {True: "something listens", False: "nothing listens", None: ""}[seen.listening]
    yield (
        "HQ's firewall",
        {True: "lets it in", False: "does not let it in", None: "not read: only root may"}[seen.let_in],
    )
    yield "routes", "; ".join(seen.overlaps) or "none that overlaps"
    yield "other live nodes", f"{seen.others_up} of {seen.others} have a tunnel that is up"
    yield "public face", seen.public_words
    yield "clock of the node", "not known" if seen.ahead_s is None else _clock(seen.ahead_s)
    yield "round trip", f"{seen.round_trip_ms:.1f} ms" if seen.round_trip_ms is not None else "no answer at port 22"
    yield "bytes came while asked", {True: "yes", False: "no", None: ""}[seen.answered]
    yield "largest segment", "" if seen.segment is None else f"{seen.segment or 'none'} of {seen.whole} bytes"


def _clock(ahead_s: float) -> str:
    if abs(ahead_s) <= CLOCK_S:
        return "right"
    return f"{abs(ahead_s):.0f} s {'ahead of' if ahead_s > 0 else 'behind'} HQ's"


def overlapping(routes: Iterable[tuple[str, IPv4Network]], interface: str, address: IPv4Address,
                length: int) -> tuple[str, ...]:  # fmt: skip
    """Routes that win over the tunnel's own for an address.

    Args:
        routes: interface and destination of each.
        interface: the tunnel's.
        address: the one that must be reached through it.
        length: prefix length of the tunnel's own route; of two routes the longer prefix wins.
    """
    return tuple(
        f"{network} goes to {device}"
        for device, network in routes
        if device != interface and address in network and network.prefixlen >= length
    )
