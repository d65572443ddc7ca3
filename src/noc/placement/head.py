"""The head of a directory: what it is the directory of, until when that is proven, and the nodes it speaks of.

It is one line of canonical JSON (keys sorted, no spaces), signed as a whole.
"""

import json
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from noc.fleet.model import Domain, Name
from noc.placement.errors import DirectoryMalformed

PRINCIPAL, NAMESPACE = "directory", "noc-directory"
"""Who signs heads, as nodes call HQ there, and what the SSH signatures are for (ssh-keygen -Y)."""
MAX_HEAD_BYTES = 1_048_576
MAX_NODES = 2_048
MAX_TENANTS = 1_000_000
Second = Annotated[int, Field(ge=0, le=253_402_300_799)]
Residency = Annotated[str, Field(pattern=r"^([A-Z]{2}|[a-z][a-z0-9-]{0,30}[a-z0-9])$")]


class ListedNode(BaseModel):
    """A node as a directory names it.

    Attributes:
        name: as the fleet calls it.
        url: its origin, such as https://frankfurt.clavitor.com.
        open: whether it may take new tenants at all.
        groups: its country, and the groups of `[placement]` that the country is in.
        latitude, longitude: degrees.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    name: Name
    url: Annotated[str, Field(pattern=r"^https://[a-z0-9.-]{1,253}$")]
    open: bool
    groups: Annotated[tuple[Residency, ...], Field(max_length=65)]
    latitude: Annotated[float, Field(ge=-90, le=90)]
    longitude: Annotated[float, Field(ge=-180, le=180)]


class Head(BaseModel):
    """What the signature of a directory vouches for.

    Attributes:
        format: of this file; 1.
        fleet, domain: whose directory it is.
        version: rises by one with every change of the lines; a renewed proof of freshness keeps it.
        count: how many tenants there are.
        sha256: hex digest of the lines.
        nodes: in the fleet's order; a line names one by its position, from 0.
        at: when this head was made, seconds since 1970.
        until: up to when the directory is proven to be the newest, seconds since 1970.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    format: Literal[1] = 1
    fleet: Name
    domain: Domain
    version: Annotated[int, Field(ge=1, le=2**53)]
    count: Annotated[int, Field(ge=0, le=MAX_TENANTS)]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    nodes: Annotated[tuple[ListedNode, ...], Field(max_length=MAX_NODES)]
    at: Second
    until: Second

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.until < self.at:
            raise ValueError("until lies before at")
        return self

    def to_bytes(self) -> bytes:
        """The exact bytes that are signed."""
        return json.dumps(self.model_dump(), sort_keys=True, separators=(",", ":")).encode()


def parse_head(content: bytes) -> Head:
    """Read a head.

    Args:
        content: the bytes of `head.json`, whose signature was checked before.

    Raises:
        DirectoryMalformed: it is larger than any, not a head, or not spelt as HQ spells it.
    """
    fix = "HQ sends it again with the next change"
    if len(content) > MAX_HEAD_BYTES:
        raise DirectoryMalformed("the directory's head is too large", why=f"{len(content)} bytes", fix=fix)
    try:
        head = Head.model_validate_json(content)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"])) or "the document"
        raise DirectoryMalformed(
            "the directory's head cannot be used", why=f"{place}: {first['msg']}", fix=fix
        ) from None
    if head.to_bytes() != content:
        raise DirectoryMalformed("the directory's head is not spelt as HQ spells it", fix=fix)
    return head
