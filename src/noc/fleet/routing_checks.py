"""What `[routing]` keeps with the rest of the fleet file; see `noc.fleet.checks`."""

from collections.abc import Iterator

from noc.fleet.document import Document
from noc.fleet.errors import Problem
from noc.fleet.routing import MOST_ROUTED


def routed_zone(document: Document) -> Iterator[Problem]:
    """Only a provider that balances can lead a domain to several nodes."""
    if not _by_latency(document):
        return
    dns = document.data.get("dns")
    if isinstance(dns, dict) and dns.get("provider", "cloudflare") != "cloudflare":
        what = f'method = "latency" cannot be made by {dns["provider"]}, which answers everybody alike'
        fix = 'keep the zone at Cloudflare: [dns] provider = "cloudflare"; or write method = "single"'
        yield document.problem(("routing", "method"), what, fix)


def routed_nodes(document: Document) -> Iterator[Problem]:
    """Nodes that the domain leads to are nodes, named once, at most so many, and reached without a proxy."""
    named, first = list(document.texts("routing", "nodes")), set[str]()
    known = {str(node.get("name")): node for _, node in document.tables("nodes")}
    for path, name in named:
        if name not in known:
            yield document.problem(path, f"no node is called {name}", "name nodes of this file")
        elif name in first:
            yield document.problem(path, f"{name} is named twice", "name it once")
        elif known[name].get("public") == "ipv6":
            what = f"{name} has no IPv4 address, at which it could be proven"
            yield document.problem(path, what, "leave it out, or give it one: public")
        first.add(name)
    if _by_latency(document) and not named and len(known) > MOST_ROUTED:
        what = f"the provider leads a domain to {MOST_ROUTED} nodes at most, and none of {len(known)} are named"
        yield document.problem(("routing", "method"), what, f"name up to {MOST_ROUTED} of them: nodes")


def _by_latency(document: Document) -> bool:
    routing = document.data.get("routing")
    return isinstance(routing, dict) and routing.get("method") == "latency"


ROUTING_CHECKS = (routed_zone, routed_nodes)
