"""Cloudflare's DNS by its official SDK: address records of one zone, changed in one batch.

The fleet's mark is the record's comment, which every plan of theirs has (at most 100 characters). Questions are asked
again where that may help; a batch is sent once, since one that was applied would be refused the second time.
https://developers.cloudflare.com/api/resources/dns/subresources/records/methods/batch/
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

from noc.cloud.dns.cloudflare_api import CloudflareApi
from noc.cloud.dns.plan import Change, Found
from noc.cloud.dns.records import TYPES, Record
from noc.cloud.errors import DnsRefused

A_PAGE: Final = 500
MOST_RECORDS: Final = 5_000
TEXT_TTL: Final = 60


class CloudflareZone:
    """The zone of a domain. Implements Zone."""

    def __init__(self, domain: str, fleet: str, token: str, api: str | None = None) -> None:
        """Take whose zone it is.

        Args:
            domain: the zone's name.
            fleet: the fleet's name, which the mark carries.
            token: an API token; goes into a header and nowhere else.
            api: another address than Cloudflare's own.
        """
        self._domain, self._api = domain, CloudflareApi(domain, token, api)
        self._mark = f"noc:{fleet}"

    async def records(self) -> Sequence[Found]:
        """See Zone."""
        async with self._api.client() as client:
            zone = await self._api.zone_id(client)
            found: list[Found] = []
            for kind in TYPES:
                pages: Any = await client.dns.records.list(zone_id=zone, type=kind, per_page=A_PAGE)
                async for page in pages.iter_pages():
                    found += [self._found(each) for each in page.result]
                    if len(found) > MOST_RECORDS:
                        raise DnsRefused(f"the zone {self._domain} has more than {MOST_RECORDS} address records")
            return found

    async def apply(self, changes: Sequence[Change]) -> None:
        """See Zone; the provider takes the whole batch in one transaction."""
        if not changes:
            return
        await self._send(self._batch(changes))

    @asynccontextmanager
    async def text(self, name: str, value: str) -> AsyncIterator[None]:
        """See Zone."""
        row = {"name": name, "type": "TXT", "content": f'"{value}"', "ttl": TEXT_TTL, "comment": self._mark}
        made = await self._send({"posts": [row]})
        try:
            yield
        finally:
            await self._send({"deletes": [{"id": each.id} for each in made.posts or ()]})

    async def _send(self, batch: dict[str, Any]) -> Any:  # noqa: ANN401 - the SDK's answer
        async with self._api.client() as client:
            zone = await self._api.zone_id(client)
            return await client.with_options(max_retries=0).dns.records.batch(zone_id=zone, **batch)

    def _batch(self, changes: Sequence[Change]) -> dict[str, Any]:
        known = [(change, change.before.id if change.before else "") for change in changes]
        batch = {
            "deletes": [{"id": id_} for change, id_ in known if change.kind == "delete"],
            "puts": [
                {"id": id_} | self._body(change.after)
                for change, id_ in known
                if change.kind == "update" and change.after
            ],
            "posts": [self._body(change.after) for change, _ in known if change.kind == "create" and change.after],
        }
        return {name: each for name, each in batch.items() if each}

    def _body(self, record: Record) -> dict[str, Any]:
        named = {"name": record.name, "type": record.type, "content": record.content}
        return named | {"ttl": record.ttl, "proxied": record.proxied, "comment": self._mark}

    def _found(self, each: Any) -> Found:  # noqa: ANN401 - the SDK has a type for each kind of record
        record = Record(each.name.lower().rstrip("."), each.type, each.content, int(each.ttl), bool(each.proxied))
        return Found(record, each.id, each.comment == self._mark)
