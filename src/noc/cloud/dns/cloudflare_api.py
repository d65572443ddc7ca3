"""Cloudflare's API by its official SDK: whose zone and account it is, and what becomes of what the SDK raises."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

from noc.cloud.errors import DnsRefused, DnsUnreachable

if TYPE_CHECKING:
    from cloudflare import AsyncCloudflare
    from cloudflare.types.zones import Zone

TIMEOUT_S: Final = 20
SERVER_ERROR, TOO_OFTEN = 500, 429
BAD_HEADERS: Final = "6003"
FIX: Final = "make a token that may edit the DNS of this zone alone: noc hub secret set dns_token"
LOOK: Final = "noc dns plan shows what stands"


class CloudflareApi:
    """What a token reaches for one domain."""

    def __init__(self, domain: str, token: str, api: str | None = None, *, fix: str = FIX) -> None:
        """Take whose zone it is.

        Args:
            domain: the zone's name.
            token: an API token; goes into a header and nowhere else.
            api: another address than Cloudflare's own.
            fix: what mends a token that may not do what is asked.
        """
        self._domain, self._token, self._api, self._fix = domain, token, api, fix
        self._zone: Zone | None = None

    async def zone_id(self, client: "AsyncCloudflare") -> str:
        """The zone's identifier."""
        return (await self._found(client)).id

    async def account_id(self, client: "AsyncCloudflare") -> str:
        """The identifier of the account that has the zone."""
        return (await self._found(client)).account.id or ""

    async def _found(self, client: "AsyncCloudflare") -> "Zone":
        if self._zone is None:
            zones = (await client.zones.list(name=self._domain)).result
            if not [*zones]:
                raise DnsRefused(f"the token sees no zone {self._domain}", fix=self._fix)
            self._zone = zones[0]
        return self._zone

    @asynccontextmanager
    async def client(self) -> "AsyncIterator[AsyncCloudflare]":
        """A client; what it raises becomes an error of ours, and never carries the token.

        Raises:
            DnsRefused: Cloudflare said no.
            DnsUnreachable: it did not answer, or nothing that can be read.
        """
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
            raise self._refused(error.status_code, _words(error.body)) from None
        except cloudflare.APIConnectionError as error:
            why = type(error.__cause__ or error).__name__
            raise DnsUnreachable("Cloudflare's API did not answer", why=why, fix=LOOK) from None
        except (cloudflare.APIError, ValueError, TypeError, AttributeError) as error:
            # The SDK hands on whatever came with a 200, be it a page of the edge or half a document.
            why = f"it is not what the API is described to answer: {type(error).__name__}"
            raise DnsUnreachable("Cloudflare's answer cannot be read", why=why, fix=LOOK) from None

    def _refused(self, status: int, why: str) -> DnsRefused | DnsUnreachable:
        kind = DnsUnreachable if status >= SERVER_ERROR else DnsRefused
        return kind(f"Cloudflare answered {status} for {self._domain}", why=why, fix=self._mended(status, why))

    def _mended(self, status: int, why: str) -> str:
        if status in {401, 403} or why.startswith(BAD_HEADERS):
            return self._fix
        if status >= SERVER_ERROR:
            return LOOK
        return "wait, then give the command again" if status == TOO_OFTEN else ""


def _words(body: object) -> str:
    """The provider's own sentences, the causes that it names included: `1000 Invalid API Token`."""
    errors = body.get("errors") if isinstance(body, dict) else None
    found = [each for each in errors or () if isinstance(each, dict)]
    found += [each for error in found for each in error.get("error_chain") or () if isinstance(each, dict)]
    return "; ".join(f"{each.get('code', '')} {each.get('message', '')}".strip() for each in found)[:500]
