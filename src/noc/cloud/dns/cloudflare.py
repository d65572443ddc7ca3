"""Cloudflare's DNS by its official SDK: address records of one zone, changed in one batch.

The fleet's mark is the record's comment, which every plan of theirs has (at most 100 characters). Questions are asked
again where that may help; a batch is sent once, since one that was applied would be refused the second time.
https://developers.cloudflare.com/api/resources/dns/subresources/records/methods/batch/
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

from noc.cloud.dns.plan import Change, Found
from noc.cloud.dns.records import TYPES, Record
from noc.cloud.errors import DnsRefused, DnsUnreachable

if TYPE_CHECKING:
    from cloudflare import AsyncCloudflare

TIMEOUT_S: Final = 20
A_PAGE: Final = 500
MOST_RECORDS: Final = 5_000
TEXT_TTL: Final = 60
SERVER_ERROR, TOO_OFTEN = 500, 429
BAD_HEADERS: Final = "6003"
FIX: Final = "make a token that may edit the DNS of this zone alone: noc hub secret set dns_token"
LOOK: Final = "noc dns plan shows what stands"


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
        self._domain, self._token, self._api = domain, token, api
        self._mark = f"noc:{fleet}"
        self._zone: str | None = None

    async def records(self) -> Sequence[Found]:
        """See Zone."""
        async with self._client() as client:
            zone = await self._zone_id(client)
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
        async with self._client() as client:
            zone = await self._zone_id(client)
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

    async def _zone_id(self, client: "AsyncCloudflare") -> str:
        if self._zone is None:
            zones = (await client.zones.list(name=self._domain)).result
            if not [*zones]:
                raise DnsRefused(f"the token sees no zone {self._domain}", fix=FIX)
            self._zone = zones[0].id
        return self._zone

    @asynccontextmanager
    async def _client(self) -> "AsyncIterator[AsyncCloudflare]":
        """A client; what it raises becomes an error of ours, and never carries the token."""
        import cloudflare  # noqa: PLC0415 - it is large, and only these commands pay for it

        client = cloudflare.AsyncCloudflare(
            api_token=self._token,
            base_url=self._api,
            timeout=TIMEOUT_S,
            max_retries=2,
            _strict_response_validation=False,
        )
        try:
            async with client:
                yield client
        except cloudflare.APIStatusError as error:
            what = f"Cloudflare answered {error.status_code} for {self._domain}"
            kind = DnsUnreachable if error.status_code >= SERVER_ERROR else DnsRefused
            why = _words(error.body)
            raise kind(what, why=why, fix=FIX if why.startswith(BAD_HEADERS) else _fix(error.status_code)) from None
        except cloudflare.APIConnectionError as error:
            why = type(error.__cause__ or error).__name__
            raise DnsUnreachable("Cloudflare's API did not answer", why=why, fix=LOOK) from None
        except (cloudflare.APIError, ValueError, TypeError, AttributeError) as error:
            # The SDK hands on whatever came with a 200, be it a page of the edge or half a document.
            why = f"it is not what the API is described to answer: {type(error).__name__}"
            raise DnsUnreachable("Cloudflare's answer cannot be read", why=why, fix=LOOK) from None


def _words(body: object) -> str:
    """The provider's own sentences, the causes that it names included: `1000 Invalid API Token`."""
    errors = body.get("errors") if isinstance(body, dict) else None
    found = [each for each in errors or () if isinstance(each, dict)]
    found += [each for error in found for each in error.get("error_chain") or () if isinstance(each, dict)]
    return "; ".join(f"{each.get('code', '')} {each.get('message', '')}".strip() for each in found)[:500]


def _fix(status: int) -> str:
    if status in {401, 403}:
        return FIX
    if status >= SERVER_ERROR:
        return LOOK
    return "wait, then give the command again" if status == TOO_OFTEN else ""
