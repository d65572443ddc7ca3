"""Tenants at the runner's door: placed, shown, forgotten, each written down by tenant id and never by handle; and the
directory of them, kept the newest on every node."""

import asyncio
import time
from collections.abc import Mapping
from typing import Any

from noc.errors import NocError, Usage
from noc.placement.directory import Directory
from noc.placement.handles import is_tenant_id, read_key, tenant_id
from noc.placement.wishes import read_wishes
from noc.runs.admission.approval import check_may_act
from noc.runs.admission.caller import Caller
from noc.runs.runner.door import Answers, Operation
from noc.runs.runner.runner import Runner
from noc.runs.site.credential import credential
from noc.runs.site.environment import TENANT_KEY, is_placing
from noc.runs.site.pool import LinkPool
from noc.runs.site.site import Site, open_site
from noc.runs.tenants.distribution import Distribution
from noc.runs.tenants.errors import NodeBehind, PlacementOff, TenantUnknown
from noc.runs.tenants.invitation import DAYS, MOST_DAYS, invite
from noc.runs.tenants.placing import Asked, Outcome, Placing
from noc.runs.tenants.registry import MOST_LISTED, Registry, Tenant

ACTION = "tenant"
"""What is asked about whose the fleet is: a placement is no run, and has no plan."""
MOST_HANDLE = 256


class Tenancy:
    """The door's operations about tenants."""

    def __init__(self, runner: Runner) -> None:
        """Offer them over a runner."""
        self._runner, self._paths, self._links = runner, runner.paths, LinkPool()
        self._registry = Registry(runner.paths.tenants)
        self.distribution = Distribution(self._paths, self._site, self._registry, self._adopt, self._check)

    @property
    def operations(self) -> dict[str, Operation]:
        """By the name that requests give."""
        return {
            "tenant-place": self._place,
            "tenant-list": self._list,
            "tenant-show": self._show,
            "tenant-forget": self._forget,
        }

    async def _place(self, request: Mapping[str, Any], caller: Caller) -> Answers:
        """Place a tenant, bring the directory to their node, and have it make an invitation."""
        site, tenant = self._asked(request)
        wishes, days = read_wishes(request.get("wishes", {})), _days(request)
        what = f"place tenant {tenant}"
        with self._runner.audit.refusals(what, caller.name, tenant=tenant):
            check_may_act(caller, site.fleet)
            await self._check()
            asked = Asked(tenant, wishes, caller.name, int(time.time()))
            placing = Placing(site, self._registry, await site.watch.nodes())
            if request.get("look"):
                yield document(site, await asyncio.to_thread(placing.decided, asked))
                return
            await self.distribution.current(site)
            outcome = await self._placed(placing, asked, what)
        trouble = await self.distribution.bring(site, outcome.tenant.node)
        self.distribution.wake()
        said = document(site, outcome)
        if days:
            if trouble:
                raise NodeBehind(f"{outcome.tenant.node} does not know the tenant yet", why=trouble, fix=_again())
            said["invitation"] = await invite(site, site.fleet.node(outcome.tenant.node), days)
        yield {**said, "trouble": trouble}

    async def _placed(self, placing: Placing, asked: Asked, what: str) -> Outcome:
        """The decision, with the intent before it and the outcome, which names the node, after it."""
        wishes = asked.wishes.model_dump(include={"residency", "node"}, exclude_none=True)
        audit = self._runner.audit
        intent = audit.intend(what, asked.by, tenant=asked.tenant, **{f"wished_{k}": v for k, v in wishes.items()})
        try:
            outcome = await asyncio.to_thread(placing.place, asked)
        except NocError as error:
            audit.outcome(intent, "failed", error={"code": error.code, "what": error.what, "why": error.why})
            raise
        audit.outcome(intent, "ok", node=outcome.tenant.node, new=outcome.is_new)
        return outcome

    async def _list(self, request: Mapping[str, Any], caller: Caller) -> Answers:
        site = self._site()
        check_may_act(caller, site.fleet)
        _check_placing(site)
        node, after = request.get("node"), str(request.get("after", ""))[:64]
        counts = await asyncio.to_thread(self._registry.counts)
        if node is not None and node not in counts:
            site.fleet.node(str(node)[:64])
        limit = max(1, min(int(request.get("limit", MOST_LISTED)), MOST_LISTED))
        found = await asyncio.to_thread(self._registry.listed, None if node is None else str(node), after, limit)
        yield {
            "directory": self._directory(counts),
            "nodes": self._nodes(site, counts),
            "tenants": [row(site, each) for each in found],
            "after": found[-1].id if len(found) == limit else None,
        }

    async def _show(self, request: Mapping[str, Any], caller: Caller) -> Answers:
        site, tenant = self._asked(request)
        check_may_act(caller, site.fleet)
        found = await asyncio.to_thread(self._registry.find, tenant)
        if found is None:
            raise _unknown(tenant)
        yield {"tenant": row(site, found)}

    async def _forget(self, request: Mapping[str, Any], caller: Caller) -> Answers:
        """Let the directory name a tenant no more. What their node has of them stays there."""
        site, tenant = self._asked(request)
        what = f"forget tenant {tenant}"
        with self._runner.audit.refusals(what, caller.name, tenant=tenant):
            check_may_act(caller, site.fleet)
            await self.distribution.settle(site)
            found = await asyncio.to_thread(self._registry.find, tenant)
            if found is None:
                raise _unknown(tenant)
        with self._runner.audit.acting(what, caller.name, tenant=tenant, node=found.node):
            await asyncio.to_thread(self._registry.forget, tenant)
        self.distribution.wake()
        yield {"forgotten": row(site, found)}

    def _asked(self, request: Mapping[str, Any]) -> tuple[Site, str]:
        """The fleet, and the id of the tenant whom a request names by `handle` or by `id`.

        Raises:
            PlacementOff, CredentialExposed, BadHandle, BadTenantKey, Usage.
        """
        site = self._site()
        _check_placing(site)
        handle, said = request.get("handle"), request.get("id")
        if isinstance(said, str) and handle is None and is_tenant_id(said):
            return site, said
        if not isinstance(handle, str) or said is not None:
            raise Usage("no tenant was named", why="a handle, or an id of 32 hexadecimal digits, is expected")
        key = read_key(credential(self._paths.credentials, TENANT_KEY).decode(errors="replace"))
        return site, tenant_id(key, handle[:MOST_HANDLE])

    def _directory(self, counts: Mapping[str, int]) -> dict[str, Any]:
        """What there is to tell of the directory that was signed last; `at` and `until` are null before the first."""
        newest = self.distribution.newest
        head = newest.head if newest else None
        return {
            "version": self._registry.version,
            "tenants": sum(counts.values()),
            "at": head.at if head else None,
            "until": head.until if head else None,
        }

    def _nodes(self, site: Site, counts: Mapping[str, int]) -> list[dict[str, Any]]:
        return [{**each, "tenants": counts.get(each["node"], 0)} for each in self.distribution.described(site)]

    async def _adopt(self, node: str, directory: Directory) -> None:
        """Take over what a node has of ours and HQ does not know, and write that down."""
        what, audit = f"take over the directory of tenants from {node}", self._runner.audit
        intent = audit.intend(what, "runner", version=directory.head.version)
        changed = await asyncio.to_thread(self._registry.take_over, directory, f"runner (from {node})")
        audit.outcome(intent, "ok", tenants=changed)

    async def _check(self) -> None:
        await self._runner.taking.check(ACTION)

    def _site(self) -> Site:
        return open_site(self._paths, self._links)


def document(site: Site, outcome: Outcome) -> dict[str, Any]:
    """What came of a placement, as clients get it."""
    placed = outcome.placed.as_dict() if outcome.placed else None
    return {"tenant": row(site, outcome.tenant), "new": outcome.is_new, "placed": placed, "invitation": None}


def row(site: Site, tenant: Tenant) -> dict[str, Any]:
    """A tenant, as clients get them: id, node and its address, what was wished, when and by whom they were placed."""
    url = next((f"https://{site.fleet.hostname(node)}" for node in site.fleet.nodes if node.name == tenant.node), None)
    wished = tenant.residency or None
    return {"id": tenant.id, "node": tenant.node, "url": url, "residency": wished, "at": tenant.at, "by": tenant.by}


def _check_placing(site: Site) -> None:
    if not is_placing(site.fleet, site.paths):
        raise PlacementOff("this fleet places no tenants", fix="[placement] in fleet.toml, then noc hub apply")


def _days(request: Mapping[str, Any]) -> int:
    """For how many days an invitation is good; 0 for none."""
    days = request.get("days", DAYS)
    if not isinstance(days, int) or not 0 <= days <= MOST_DAYS:
        raise Usage("an invitation is not good for so long", why=f"0 for none, at most {MOST_DAYS} days")
    return days


def _unknown(tenant: str) -> TenantUnknown:
    return TenantUnknown(f"tenant {tenant} was not placed", fix="noc tenant list shows who was")


def _again() -> str:
    return "the tenant is placed; the same command gives the invitation once the node has the directory"
