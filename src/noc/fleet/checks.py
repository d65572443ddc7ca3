"""What a schema cannot say of a fleet file: each check is a rule that keys keep among each other.

Checks read the raw document, so that a mistake of the schema elsewhere hides none of theirs; a value of a wrong
type is passed over here, because the schema names it.
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import date
from ipaddress import IPv4Address, IPv4Network
from itertools import chain, pairwise
from typing import Any
from zoneinfo import available_timezones

from noc.fleet.document import Document
from noc.fleet.errors import Problem
from noc.fleet.judging_checks import JUDGING_CHECKS
from noc.fleet.keeping import Keep
from noc.fleet.model import Tunnel
from noc.fleet.peers import OPERATORS
from noc.fleet.places import KeyPath, nearest
from noc.fleet.placing_checks import PLACING_CHECKS
from noc.fleet.regions import regions
from noc.fleet.rescuing import Rescue
from noc.fleet.routing_checks import ROUTING_CHECKS
from noc.fleet.scheduling_checks import SCHEDULING_CHECKS
from noc.fleet.storing import read_address
from noc.fleet.telling_checks import TELLING_CHECKS
from noc.fleet.windows import known_zone, mistakes

Check = Callable[[Document], Iterator[Problem]]

TAKEN_PORTS = {22: "sshd", 80: "the proxy", 443: "the proxy"}


def _repeated(document: Document, kind: str, places: Iterable[tuple[KeyPath, Any]]) -> Iterator[Problem]:
    first: dict[Any, KeyPath] = {}
    for path, value in places:
        if value in first:
            what = f"{kind} {value} is taken already, on line {nearest(document.places, first[value])}"
            yield document.problem(path, what, f"give this one a {kind} of its own")
        else:
            first[value] = path


def unique_names(document: Document) -> Iterator[Problem]:
    """No two machines, and no two people, share a name."""
    yield from _repeated(document, "name", chain(document.texts("hub", "name"), document.texts("nodes", "name")))
    yield from _repeated(document, "name", document.texts("people", "name"))


def unique_numbers(document: Document) -> Iterator[Problem]:
    """No two nodes share a number."""
    numbers = ((path, value) for path, value in document.values("nodes", "number") if isinstance(value, int))
    yield from _repeated(document, "number", numbers)


def unique_public_names(document: Document) -> Iterator[Problem]:
    """No two machines answer to one name: HQ's names, subdomains and aliases are one space."""
    domain = document.data.get("domain")
    labels = chain(document.texts("hub", "names"), document.texts("nodes", "subdomain"))
    names = ((path, f"{label}.{domain}") for path, label in labels)
    yield from _repeated(document, "public name", chain(names, document.texts("nodes", "aliases")))


def unique_signing_keys(document: Document) -> Iterator[Problem]:
    """No two people sign with one key: a signature has to tell who agreed."""
    keys = ((path, text.split()[1]) for path, text in document.texts("people", "ssh_key") if " " in text.strip())
    yield from _repeated(document, "ssh_key", keys)


def tunnel_addresses(document: Document) -> Iterator[Problem]:
    """Each tunnel address is its machine's own, inside the network, and not one that is set aside."""
    addresses = list(_addresses(document, "hub", "tunnel")) + list(_addresses(document, "nodes", "tunnel"))
    yield from _repeated(document, "tunnel address", addresses)
    for network in _network(document):
        for path, address in addresses:
            if why := _misplaced(address, network, is_hub=path[0] == "hub"):
                fix = f"take a free address from {network[10]} up in {network}"
                yield document.problem(path, f"tunnel address {address} {why}", fix)


def _misplaced(address: IPv4Address, network: IPv4Network, *, is_hub: bool) -> str:
    if address not in network:
        return f"lies outside the tunnel's network {network}"
    if address in {network.network_address, network.broadcast_address}:
        return f"is the network's or the broadcast address of {network}"
    if not is_hub and int(address) - int(network.network_address) in OPERATORS:
        return f"lies in {network[OPERATORS[0]]} to {network[OPERATORS[-1]]}, which are the operators' own"
    return ""


def _addresses(document: Document, *path: str) -> Iterator[tuple[KeyPath, IPv4Address]]:
    for at, text in document.texts(*path):
        try:
            yield at, IPv4Address(text)
        except ValueError:
            continue


def _network(document: Document) -> Iterator[IPv4Network]:
    """The tunnel's network, where it is one that has room for the operators' range and nodes."""
    for _, text in document.texts("tunnel", "network"):
        try:
            network = IPv4Network(text)
        except ValueError:
            continue
        if network.num_addresses > 16:
            yield network


def tunnel_room(document: Document) -> Iterator[Problem]:
    """The tunnel's network has room for operators and nodes."""
    nodes = sum(1 for _ in _tables(document, "nodes"))
    for path, text in document.texts("tunnel", "network"):
        try:
            network = IPv4Network(text)
        except ValueError:
            continue
        if network.num_addresses <= 16:
            yield document.problem(path, f"network {text} has no room for nodes", "take a /24, such as 10.84.0.0/24")
        elif nodes > (room := network.num_addresses - 1 - OPERATORS.stop):
            bits = 32 - (nodes + OPERATORS.stop).bit_length()
            wider = IPv4Network((network.network_address, bits), strict=False)
            yield document.problem(path, f"network {text} has room for {room} nodes of {nodes}", f"take {wider}")


def ports(document: Document) -> Iterator[Problem]:
    """The push port is nobody else's on HQ."""
    tunnel, defaults = document.data.get("tunnel"), Tunnel.model_fields
    if not isinstance(tunnel, dict):
        return
    port, path = tunnel.get("push_port", defaults["push_port"].default), ("tunnel", "push_port")
    if port == tunnel.get("port", defaults["port"].default):
        yield document.problem(path, f"push_port {port} is the tunnel's own port", "take another, such as 8084")
    elif port in TAKEN_PORTS:
        yield document.problem(path, f"push_port {port} is {TAKEN_PORTS[port]}'s", "take another, such as 8084")


def known_regions(document: Document) -> Iterator[Problem]:
    """A node's region is one that its provider has, where the provider's regions are listed."""
    from difflib import get_close_matches  # noqa: PLC0415 - only a mistake pays for it

    for index, node in enumerate(_tables(document, "nodes")):
        known, region = regions().get(str(node.get("provider")), {}), node.get("region")
        if known and isinstance(region, str) and region not in known:
            near = get_close_matches(region, known, 1)
            fix = f"did you mean {near[0]}?" if near else f"one of {', '.join(sorted(known)[:4])}, …"
            yield document.problem(("nodes", index, "region"), f"{node['provider']} has no region {region}", fix)


def _tables(document: Document, key: str) -> Iterator[dict[str, Any]]:
    tables = document.data.get(key)
    for table in tables if isinstance(tables, list) else ():
        yield table if isinstance(table, dict) else {}


def known_timezones(document: Document) -> Iterator[Problem]:
    """Every time zone is an IANA zone that this machine knows."""
    tables = ("freeze", "maintenance", "route", "os_update", "schedule")
    places = (("timezone",), *((table, "zone") for table in tables))
    for path, zone in chain.from_iterable(document.texts(*place) for place in places):
        fleets_own = zone == "" and path[0] == "route"
        if not fleets_own and not known_zone(zone):
            fix = "an IANA name, such as Europe/Zurich" if available_timezones() else "apt-get install tzdata"
            yield document.problem(path, f"timezone {zone!r} is not known here", fix)


def freeze_windows(document: Document) -> Iterator[Problem]:
    """A freeze begins before it ends, and both are written in one form; so does the window of the weekly update."""
    update = document.data.get("os_update")
    places: list[tuple[KeyPath, dict[str, Any]]] = [
        (("freeze", index), table) for index, table in enumerate(_tables(document, "freeze"))
    ]
    for path, table in [*places, (("os_update",), update if isinstance(update, dict) else {})]:
        start, end = table.get("from", table.get("start")), table.get("until", table.get("end"))
        if isinstance(start, str) and isinstance(end, str):
            for key, what, fix in mistakes(start, end, str(table.get("zone"))):
                yield document.problem((*path, key), what, fix)


def acceptances(document: Document) -> Iterator[Problem]:
    """An acceptance ends on a day of the calendar, and is an approver's."""
    for path, text in document.texts("accepted", "until"):
        try:
            date.fromisoformat(text)
        except ValueError:
            yield document.problem(path, f"until = {text!r} is no date", 'write it as "2027-03-31"')
    approvers = {person.get("name") for person in _tables(document, "people") if person.get("role") == "approver"}
    for path, who in document.texts("accepted", "who"):
        if who not in approvers:
            yield document.problem(path, f"{who} may not accept a finding", "name an approver from [[people]]")


def retention(document: Document) -> Iterator[Problem]:
    """What is coarser is kept at least as long as what it was made from."""
    given, grains = document.data.get("keep"), ("heartbeats", "minutes", "hours", "days")
    if not isinstance(given, dict):
        return
    kept = {name: given.get(name, Keep.model_fields[name].default) for name in grains}
    for finer, coarser in pairwise(grains):
        least, most = kept[finer], kept[coarser]
        if isinstance(least, int) and isinstance(most, int) and least > most:
            at = ("keep", coarser if coarser in given else finer)
            yield document.problem(
                at, f"{finer} are kept for longer than {coarser}", f"keep {coarser} for {least} days"
            )


def stored(document: Document) -> Iterator[Problem]:
    """The watch's database can be found, and its password is not in this file; what was written is not repeated."""
    fix = "write it as postgresql://noc-watch@/noc?host=/run/postgresql; docs/growth.md says more"
    for path, text in document.texts("store", "database"):
        try:
            if text:
                read_address(text)
        except ValueError as wrong:
            yield document.problem(path, f"the address of the database {wrong}", fix)


def witnessed(document: Document) -> Iterator[Problem]:
    """Nodes that are not asked are nodes; and one outside address alone cannot tell HQ's trouble from its own."""
    known = {"all", *(name for _, name in document.texts("nodes", "name"))}
    for path, name in document.texts("witness", "not_public"):
        if name not in known:
            yield document.problem(path, f"no node is called {name}", "name nodes of this file")
    addresses = list(document.texts("outside", "addresses"))
    if len({text for _, text in addresses}) == 1:
        what = "one outside address alone could be at fault itself"
        yield document.problem(addresses[0][0], what, "give two that have nothing to do with each other")


def rescued(document: Document) -> Iterator[Problem]:
    """A node tries the other way to HQ before it lets anybody in."""
    given = document.data.get("rescue")
    if not isinstance(given, dict):
        return
    first, second = (given.get(name, each.default) for name, each in Rescue.model_fields.items())
    if all(isinstance(each, int | float) for each in (first, second)) and second <= first:
        what = f"rescue_after = {second} is no later than fallback_after = {first}"
        yield document.problem(("rescue", "rescue_after"), what, "a node tries the other way to HQ first: give more")


CHECKS: tuple[Check, ...] = (
    unique_names,
    unique_numbers,
    unique_public_names,
    unique_signing_keys,
    tunnel_room,
    tunnel_addresses,
    ports,
    known_regions,
    known_timezones,
    freeze_windows,
    acceptances,
    *TELLING_CHECKS,
    *JUDGING_CHECKS,
    witnessed,
    retention,
    stored,
    rescued,
    *ROUTING_CHECKS,
    *SCHEDULING_CHECKS,
    *PLACING_CHECKS,
)
