"""`[dns]`: who answers for the fleet's names."""

from typing import Annotated, Literal

from pydantic import Field

from noc.fleet.part import Part


class Dns(Part):
    """Where the fleet's address records are kept.

    `cloudflare` needs the credential `dns_token`, a token that may edit the DNS of this one zone; `rfc2136` speaks to
    the zone's own name server at `server`, with the credential `dns_tsig` (`NAME ALGORITHM SECRET`). `api` names
    another address than Cloudflare's own, for a rehearsal.
    """

    provider: Literal["cloudflare", "rfc2136"] = "cloudflare"
    ttl: Annotated[int, Field(ge=60, le=86_400)] = 300
    server: Annotated[str, Field(pattern=r"^([0-9.]+|\[[0-9a-f:]+\]):\d{1,5}$")] | None = None
    api: Annotated[str, Field(pattern=r"^https?://[!-z]+$")] | None = None
