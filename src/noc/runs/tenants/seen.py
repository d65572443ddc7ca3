"""What HQ sees of nodes where a tenant is to be placed: their lives, their troubles, and how full they are."""

from collections.abc import Mapping

from noc.fleet.inventory import Life
from noc.placement.roster import Load, Seen
from noc.runs.site.site import Site
from noc.runs.site.watchdoor import Watched

HEARD = frozenset({"up", "late"})


def open_nodes(site: Site) -> frozenset[str]:
    """The nodes that may take new tenants at all, by name: those that are live and not left out."""
    left_out = site.fleet.placement.left_out if site.fleet.placement else ()
    live = (node.name for node in site.fleet.nodes if site.book.record(node.name).life is Life.LIVE)
    return frozenset(live) - frozenset(left_out)


def seen_nodes(site: Site, watched: Mapping[str, Watched], expected: Mapping[str, int]) -> dict[str, Seen]:
    """Every node as it is seen now.

    Args:
        site: the fleet.
        watched: nodes as the watch sees them, by name.
        expected: by node, how many tenants were placed there of late, and may not have opened a session yet.
    """
    live = {node.name for node in site.fleet.nodes if site.book.record(node.name).life is Life.LIVE}
    return {
        name: Seen(
            live=name in live,
            maintenance=row.maintenance or row.deployment is not None,
            incident=row.incident is not None,
            load=load_of(row, expected.get(name, 0)),
        )
        for name, row in watched.items()
    }


def load_of(row: Watched, expected: int) -> Load | None:
    """How full a node is by its last push; None where it was not heard lately, or did not say.

    Args:
        row: the node as the watch sees it.
        expected: sessions to be added for tenants who were placed there and are about to come.
    """
    said = row.last_heartbeat.telemetry if row.last_heartbeat else None
    if row.state not in HEARD or not said:
        return None
    found = [said.get(name) for name in ("db_size_mb", "ram_mb", "active_sessions")]
    if not all(isinstance(each, int | float) for each in found):
        return None
    db_mb, ram_mb, sessions = (float(each or 0) for each in found)
    return Load(db_mb=db_mb, ram_mb=ram_mb, sessions=sessions + expected)
