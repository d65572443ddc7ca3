"""Cloudflare's load balancing by its official SDK: monitors and pools of an account, balancers of a zone, DNS-only.

The fleet's mark is each object's description. A change is sent once, and with every property that we have an opinion
on; others, such as the regions from which pools are looked at, stay as a person has set them.
https://developers.cloudflare.com/api/resources/load_balancers/
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

from noc.cloud.dns.balancer import PATH, Balancer, Monitor, Part, Pool
from noc.cloud.dns.balancing import FoundPart, PartChange
from noc.cloud.dns.cloudflare_api import CloudflareApi
from noc.cloud.errors import BalancingOff, DnsRefused

if TYPE_CHECKING:
    from cloudflare import AsyncCloudflare
    from cloudflare._base_client import AsyncPaginator
    from cloudflare.types.load_balancers import LoadBalancer as SeenBalancer
    from cloudflare.types.load_balancers import Monitor as SeenMonitor
    from cloudflare.types.load_balancers import Origin as SeenOrigin
    from cloudflare.types.load_balancers import Pool as SeenPool

MOST_PARTS: Final = 5_000
FIX: Final = (
    "make a token that may edit the DNS and the load balancers of this zone, and the monitors and pools of its "
    "account: noc hub secret set dns_token"
)
OFF: Final = ("load balancing not enabled", "access failed", "quota", "interval is not in range")
"""What Cloudflare's words have in them where a subscription does not hold what is asked for."""
SUBSCRIBE: Final = "subscribe to as much load balancing at Cloudflare, or ask for less: nodes and interval of [routing]"
PROBE: Final[Mapping[str, str | int]] = {
    "type": "https",
    "method": "GET",
    "path": PATH,
    "expected_codes": "200",
    "timeout": 5,
    "retries": 2,
    "allow_insecure": False,
    "follow_redirects": False,
}
"""How a node is looked at: twice more at once where it does not answer in time."""

Ids = dict[tuple[str, str], str]


class CloudflareBalancing:
    """The load balancing of a domain. Implements Balancing."""

    def __init__(self, domain: str, fleet: str, token: str, api: str | None = None) -> None:
        """Take whose it is. Arguments as CloudflareZone."""
        self._domain, self._api = domain, CloudflareApi(domain, token, api, fix=FIX)
        self._mark = f"noc:{fleet}"

    async def parts(self) -> Sequence[FoundPart]:
        """See Balancing."""
        async with self._client() as client:
            return await self._parts(client)

    async def apply(self, changes: Sequence[PartChange]) -> None:
        """See Balancing."""
        if not changes:
            return
        async with self._client() as client:
            there = [each for each in await self._parts(client) if each.ours]
            ids = {each.part.key: each.id for each in sorted(there, key=lambda each: each.id, reverse=True)}
            once = client.with_options(max_retries=0)
            for change in changes:
                await self._make(once, change, ids)

    @asynccontextmanager
    async def _client(self) -> "AsyncIterator[AsyncCloudflare]":
        """A client, whose refusals tell a subscription that does not suffice from what is wrong with a request."""
        try:
            async with self._api.client() as client:
                yield client
        except DnsRefused as refused:
            if any(words in refused.why.lower() for words in OFF):
                raise BalancingOff(refused.what, why=refused.why, fix=SUBSCRIBE) from None
            raise

    async def _parts(self, client: "AsyncCloudflare") -> list[FoundPart]:
        account, zone = await self._api.account_id(client), await self._api.zone_id(client)
        there = client.load_balancers
        monitors = [self._monitor(each) for each in await _all(there.monitors.list(account_id=account))]
        own = min((each.id for each in monitors if each.ours and each.part.key[1] == self._domain), default=None)
        pools = [self._pool(each, own) for each in await _all(there.pools.list(account_id=account))]
        names = {each.id: each.part.key[1] for each in pools}
        balancers = [self._balancer(each, names) for each in await _all(there.list(zone_id=zone))]
        return [*monitors, *pools, *balancers]

    async def _make(self, client: "AsyncCloudflare", change: PartChange, ids: Ids) -> None:
        resource, owner = await self._place(client, change.part)
        known = [change.before.id] if change.before else []
        if change.after is None:
            await resource.delete(*known, **owner)
            return
        act = resource.edit if known else resource.create
        made = await act(*known, **owner, **self._body(change.after, ids))
        ids[change.after.key] = made.id

    async def _place(self, client: "AsyncCloudflare", part: Part) -> tuple[Any, dict[str, str]]:
        """The SDK's resource for a part, and whose it is."""
        there = client.load_balancers
        if isinstance(part, Balancer):
            return there, {"zone_id": await self._api.zone_id(client)}
        resource = there.monitors if isinstance(part, Monitor) else there.pools
        return resource, {"account_id": await self._api.account_id(client)}

    def _body(self, part: Part, ids: Ids) -> dict[str, Any]:
        marked = {"description": self._mark}
        if isinstance(part, Monitor):
            probe = {name: value for name, value in PROBE.items() if name != "timeout"}
            slow = {"load_balancer_monitor_timeout": PROBE["timeout"], "interval": part.interval_s}
            return marked | probe | slow | {"header": {"Host": [part.domain]}}
        if isinstance(part, Pool):
            origin = {"name": part.name, "address": part.address, "enabled": True}
            place = {"latitude": part.latitude, "longitude": part.longitude}
            watched = {"monitor": _id(ids, "monitor", self._domain), "enabled": True}
            return marked | place | watched | {"name": part.name, "origins": [origin]}
        steering = {"steering_policy": part.steering, "ttl": part.ttl, "proxied": False, "enabled": True}
        pools = {"default_pools": [_id(ids, "pool", name) for name in part.pools]}
        return marked | steering | pools | {"name": part.domain, "fallback_pool": _id(ids, "pool", part.fallback)}

    def _monitor(self, each: "SeenMonitor") -> FoundPart:
        hosts = (each.header or {}).get("Host") or [""]
        altered = len(hosts) != 1 or any(getattr(each, name) != value for name, value in PROBE.items())
        return self._found(Monitor(hosts[0], int(each.interval or 0)), each, altered=altered)

    def _pool(self, each: "SeenPool", monitor: str | None) -> FoundPart:
        origins = each.origins or []
        part = Pool.at(each.name or "", origins[0].address or "" if origins else "", each.latitude, each.longitude)
        one = len(origins) == 1 and _is_plain(origins[0])
        altered = not one or each.enabled is False or each.monitor != monitor or None in (each.latitude, each.longitude)
        return self._found(part, each, altered=altered)

    def _balancer(self, each: "SeenBalancer", names: Mapping[str, str]) -> FoundPart:
        pools = tuple(names.get(id_, id_) for id_ in each.default_pools or ())
        last = names.get(each.fallback_pool or "", each.fallback_pool or "")
        steering: Any = each.steering_policy
        part = Balancer((each.name or "").lower(), pools, last, steering, int(each.ttl or 0))
        return self._found(part, each, altered=bool(each.proxied) or each.enabled is False)

    def _found(self, part: Part, each: "SeenMonitor | SeenPool | SeenBalancer", *, altered: bool) -> FoundPart:
        if not each.id:
            raise TypeError("no identifier")
        return FoundPart(part, each.id, each.description == self._mark, altered)


def _is_plain(origin: "SeenOrigin") -> bool:
    """Whether it is on, and reached as its address alone says."""
    return origin.enabled is not False and not origin.port and not (origin.header and origin.header.host)


def _id(ids: Ids, kind: str, name: str) -> str:
    try:
        return ids[kind, name]
    except KeyError:
        raise DnsRefused(f"the {kind} {name} went in between", fix="give the command again") from None


async def _all(listed: "AsyncPaginator[Any, Any]") -> list[Any]:
    """What a list holds; the provider shows such lists whole."""
    result = (await listed).result
    if not isinstance(result, list):
        raise TypeError("no list")
    if len(result) > MOST_PARTS:
        raise DnsRefused(f"the account has more than {MOST_PARTS} of a kind")
    return result
