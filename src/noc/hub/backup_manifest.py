"""The list of a backup of HQ: what it holds, and of which HQ at which time."""

from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

NAME = "MANIFEST.json"
MOST_MEMBERS = 500_000
MAX_MANIFEST_BYTES = 256 << 20
LONGEST_NAME = 255


class Member(BaseModel):
    """One file: its size in bytes and the SHA-256 of its content, hexadecimal."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    size: Annotated[int, Field(ge=0)]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Manifest(BaseModel):
    """The last member of the archive, so that it is written in one pass.

    Attributes:
        format: of the archive.
        noc: version of noc that made it.
        hub: HQ's name.
        hub_key: public half of the tunnel key of that HQ, base64.
        at: when it was made.
        fence: the last fence number that HQ had given by then.
        members: every file, by its name in the archive.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[1] = 1
    noc: Annotated[str, Field(pattern=r"^[0-9][0-9A-Za-z.+-]{0,60}$")]
    hub: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,62}$")]
    hub_key: str
    at: AwareDatetime
    fence: Annotated[int, Field(ge=0)]
    members: Annotated[dict[str, Member], Field(max_length=MOST_MEMBERS)]
