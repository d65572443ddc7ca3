"""Taking the picture that a review judges: every look at once, and a failed one says why."""

import asyncio
import socket
from collections.abc import Coroutine, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from noc.errors import NocError
from noc.fleet.inventory import Life
from noc.mesh.status import read_tunnels
from noc.runs.health.health import health
from noc.runs.record.events import Event
from noc.runs.record.journal import read, run_ids
from noc.runs.review.milestones import MILESTONES
from noc.runs.review.seen import RunSeen, Seen
from noc.runs.review.shelf import Shelf
from noc.runs.review.windows import activation_windows, overlapping
from noc.runs.site.site import Site

RUNS_READ = 200
INCIDENTS_READ = 500
RESOLVE_S = 5.0
UNITS = ("noc-watch.service", "noc-agent.service")

_T = TypeVar("_T")


async def look(site: Site, shelf: Shelf) -> Seen:
    """Look at the fleet, at HQ, at what is on record, and at what people decided."""
    trouble: dict[str, str] = {}
    fleet, inventory = site.fleet, site.book.inventory
    hosts = [f"soc.{fleet.domain}", fleet.domain]
    names = [*hosts, *(fleet.hostname(node) for node in fleet.nodes)]
    live = any(inventory.record(node.name).life is Life.LIVE for node in fleet.nodes)
    async with asyncio.TaskGroup() as at_once:
        checks = at_once.create_task(_or_why(health(site, ["all"]), "health", trouble) if live else _nothing())
        watched = at_once.create_task(_or_why(site.watch.nodes(), "watch", trouble))
        tunnels = at_once.create_task(_or_why(read_tunnels(site.paths.tunnels_socket), "tunnel", trouble))
        units = at_once.create_task(_units(trouble))
        incidents = at_once.create_task(_or_why(site.watch.incidents(INCIDENTS_READ), "watch", trouble))
        pages = {host: at_once.create_task(site.web.health(host)) for host in hosts}
        addresses = {name: at_once.create_task(_resolve(name)) for name in names}
        runs = at_once.create_task(asyncio.to_thread(runs_seen, site.paths.runs))
    nodes, peers = watched.result(), tunnels.result()
    return Seen(
        at=datetime.now(UTC),
        fleet=fleet,
        inventory=inventory,
        checks=_checks(checks.result()),
        monitors=None if nodes is None else {name: each.state for name, each in nodes.items()},
        peers=None if peers is None else len(peers),
        units=units.result(),
        pages={host: each.result() for host, each in pages.items()},
        addresses={name: each.result() for name, each in addresses.items()},
        runs=runs.result(),
        incidents=incidents.result(),
        decisions={name: kept for name in MILESTONES if (kept := shelf.decision(name, fleet)) is not None},
        reports={name: last for name in MILESTONES if (last := shelf.newest(name)) is not None},
        trouble=trouble,
    )


async def _nothing() -> dict[str, Any] | None:
    return None


async def _or_why(asked: Coroutine[Any, Any, _T], name: str, trouble: dict[str, str]) -> _T | None:
    try:
        return await asked
    except NocError as error:
        trouble[name] = str(error)
        return None


def _checks(document: Mapping[str, Any] | None) -> dict[str, dict[str, tuple[str, str]]]:
    rows = document["nodes"] if document else []
    return {row["node"]: {each["name"]: (str(each["state"]), each["words"]) for each in row["checks"]} for row in rows}


async def _units(trouble: dict[str, str]) -> dict[str, str]:
    """The active state of HQ's services; a unit that is not there is `inactive`, as systemd says."""
    try:
        asked = await asyncio.create_subprocess_exec(
            "systemctl", "is-active", *UNITS, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
        )
        said, _ = await asyncio.wait_for(asked.communicate(), RESOLVE_S)
    except (OSError, TimeoutError) as error:
        trouble["units"] = f"systemd did not answer: {type(error).__name__}"
        return {}
    return dict(zip(UNITS, said.decode().split(), strict=False))


async def _resolve(name: str) -> tuple[str, ...]:
    """The addresses of a name, none where it has none or nobody answers in time."""
    try:
        found = await asyncio.wait_for(
            asyncio.get_running_loop().getaddrinfo(name, 443, type=socket.SOCK_STREAM), RESOLVE_S
        )
    except (OSError, TimeoutError):
        return ()
    return tuple(sorted({str(address[0]) for *_, address in found}))


def runs_seen(directory: Path) -> tuple[RunSeen, ...]:
    """The newest runs that are over, newest first; one whose journal cannot be read is no evidence, and left out."""
    found = []
    for run in run_ids(directory)[:RUNS_READ]:
        try:
            events = read(directory, run)
        except NocError:
            continue
        if events and events[-1].is_last and "plan" in events[0].detail:
            found.append(run_seen(events))
    return tuple(found)


def run_seen(events: Sequence[Event]) -> RunSeen:
    """A run that is over, from its records."""
    plan, last = events[0].detail["plan"], events[-1]
    rows = last.detail.get("verdicts", [])
    written = [event.model_dump(mode="json") for event in events]
    return RunSeen(
        id=events[0].run,
        action=plan["action"],
        nodes=tuple(plan["nodes"]),
        ended=last.at,
        ok=last.state.value == "ok",
        seconds=(last.at - events[0].at).total_seconds(),
        version=plan.get("version") or "",
        node_seconds=_node_seconds(events),
        verdicts={row["node"]: row["verdict"] for row in rows},
        good=frozenset(row["node"] for row in rows if row["good"]),
        overlap=overlapping(activation_windows(written)),
    )


def _node_seconds(events: Sequence[Event]) -> dict[str, float]:
    times: dict[str, list[datetime]] = {}
    for event in events:
        if event.node is not None:
            times.setdefault(event.node, []).append(event.at)
    return {node: (max(at) - min(at)).total_seconds() for node, at in times.items()}
