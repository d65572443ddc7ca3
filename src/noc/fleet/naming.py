"""`[dns]`: who answers for the fleet's names."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from noc.fleet.part import Part

LEAST_AT_CLOUDFLARE = 60


class Dns(Part):
    """Where the fleet's address records are kept.

    `cloudflare` needs the credential `dns_token`, a token that may edit the DNS of this one zone; `rfc2136` speaks to
    the zone's own name server at `server`, with the credential `dns_tsig` (`NAME ALGORITHM SECRET`). `api` names
    another address than Cloudflare's own, for a rehearsal. `ttl` is in seconds, at Cloudflare 60 at least.
    """

    provider: Literal["cloudflare", "rfc2136"] = "cloudflare"
    ttl: Annotated[int, Field(ge=1, le=86_400)] = 300
    server: Annotated[str, Field(pattern=r"^([0-9.]+|\[[0-9a-f:]+\]):\d{1,5}$")] | None = None
    api: Annotated[str, Field(pattern=r"^https?://[!-z]+$")] | None = None

    @model_validator(mode="after")
    def _fits_its_provider(self) -> Self:
        if self.provider == "cloudflare" and self.ttl < LEAST_AT_CLOUDFLARE:
            raise PydanticCustomError("ttl", "should have a ttl of 60 seconds at least, as Cloudflare does")
        if self.provider == "rfc2136" and self.server is None:
            raise PydanticCustomError("server", 'should name the zone\'s name server: server = "ADDRESS:PORT"')
        return self
