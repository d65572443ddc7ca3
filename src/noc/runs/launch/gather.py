"""The facts of a preflight: the cloud asked in all regions at once, HQ looked at. Nothing is changed by looking."""

import asyncio
import os
import shutil
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Final

from noc.cloud.ec2.look import RegionSeen, look, whoami
from noc.cloud.ec2.port import Account
from noc.cloud.ec2.regions import standings
from noc.cloud.errors import CloudRefused
from noc.errors import NocError
from noc.fleet.cost import fleet_cost
from noc.fleet.model import Fleet, Node
from noc.fleet.prices import known_prices
from noc.runs.launch.finding import Finding, accept
from noc.runs.launch.judge import Certificates, House, Seen, judge
from noc.runs.naming.errors import AllowanceSpent
from noc.runs.naming.issuing import allowance, check_allowance
from noc.runs.site.cloud import account, owned
from noc.runs.site.escrow import escrow
from noc.runs.site.site import Site

AT_ONCE: Final = 10
PROGRAMS: Final = ("git", "nft", "ssh-keygen", "wg")


async def preflight(site: Site, now: datetime | None = None) -> list[Finding]:
    """Everything that can stop a launch, for all regions at once.

    Args:
        site: the fleet.
        now: the time, UTC; the clock's where None.
    """
    moment = now or datetime.now(UTC)
    nodes = [node for node in site.fleet.nodes if node.provider == "aws"]
    identity, regions, machines = await _cloud(site, nodes, moment)
    cost = fleet_cost(site.fleet, known_prices(site.paths.fleet), moment.date())
    seen = Seen(identity, regions, house(site), cost, certificates(site, moment), frozenset(machines))
    return accept(judge(site.fleet, seen), site.fleet.accepted, moment.date())


async def _cloud(
    site: Site, nodes: Iterable[Node], now: datetime
) -> tuple[str | NocError, Mapping[str, RegionSeen], list[str]]:
    try:
        there = account(site)
        identity = await asyncio.to_thread(whoami, there)
    except NocError as error:
        return error, {}, []
    try:
        regions = await look_at(there, nodes, site.fleet, now)
    except CloudRefused as error:
        return error, {}, []
    return identity, regions, await _machines(site, [node for node in nodes if regions[node.name].is_on])


async def look_at(there: Account, nodes: Iterable[Node], fleet: Fleet, now: datetime) -> dict[str, RegionSeen]:
    """What each node's region has for it, by node. Raises CloudRefused where the account does not tell its regions."""
    nodes, known = list(nodes), await asyncio.to_thread(standings, there)
    at_once = asyncio.Semaphore(AT_ONCE)

    async def one(node: Node) -> RegionSeen:
        region, kind = node.region or "", node.instance_type or ""
        async with at_once:
            return await asyncio.to_thread(look, there.region(region), known.get(region, ""), kind, fleet.launch, now)

    seen = await asyncio.gather(*map(one, nodes))
    return {node.name: each for node, each in zip(nodes, seen, strict=True)}


async def _machines(site: Site, nodes: list[Node]) -> list[str]:
    """The nodes that have their machine already; one that cannot be asked for has none."""
    at_once = asyncio.Semaphore(AT_ONCE)

    async def one(node: Node) -> dict[str, Any] | None:
        async with at_once:
            try:
                return await asyncio.to_thread(owned(site, node, lambda _: None).instance)
            except CloudRefused:
                return None

    found = await asyncio.gather(*map(one, nodes))
    return [node.name for node, machine in zip(nodes, found, strict=True) if machine is not None]


def certificates(site: Site, now: datetime) -> Certificates:
    """What the authority lets the domain have this week, by the certificates that HQ has seen."""
    left_out = {each.what for each in site.fleet.accepted if date.fromisoformat(each.until) >= now.date()}
    beyond = ""
    try:
        check_allowance(site, [node.name for node in site.fleet.nodes if node.name not in left_out], now)
    except AllowanceSpent as error:
        beyond = error.why
    return Certificates(escrow(site).is_open, allowance(site, now).domain, beyond)


def house(site: Site) -> House:
    """What HQ is, as the runner sees it."""
    pages, size = os.sysconf("SC_PHYS_PAGES"), os.sysconf("SC_PAGE_SIZE")
    path = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"
    missing = tuple(program for program in PROGRAMS if shutil.which(program, path=path) is None)
    directory = site.paths.credentials
    handed = frozenset(each.name for each in directory.iterdir()) if directory.is_dir() else frozenset[str]()
    return House(pages * size, shutil.disk_usage(_existing(site.paths.runs)).free, missing, handed)


def _existing(path: Path) -> Path:
    return path if path.exists() else _existing(path.parent)
