"""`[nixos]` and `[os_update]`: where the systems of NixOS nodes are made, and when the weekly update may begin."""

from typing import Annotated

from pydantic import ConfigDict, Field

from noc.fleet.part import Part


class Nixos(Part):
    """Where the systems of NixOS nodes are evaluated and built; never on a node, which has not the memory for it.

    `builder` is `hq`, another machine as `ssh://USER@HOST`, or `ci`: then systems are brought to HQ's store and linked
    from /var/lib/noc/closures by whoever builds them. `memory_mb` is what one evaluation may take of the address
    space; it is one node at a time. `builder_key` is the public key that another builder signs with.
    """

    builder: Annotated[str, Field(pattern=r"^(hq|ci|ssh://([a-z_][a-z0-9_-]{0,31}@)?[A-Za-z0-9.-]{1,253})$")] = "hq"
    memory_mb: Annotated[int, Field(ge=1024, le=65_536)] = 3072
    builder_key: Annotated[str, Field(pattern=r"^([A-Za-z0-9._-]+:[A-Za-z0-9+/]{43}=)?$")] = ""


class OsUpdate(Part):
    """When the weekly update may begin: from `from` until `until`, weekly (`Sun 02:00`), as clocks in `zone` show it.

    Without a window it may at any time that is no freeze.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    start: Annotated[str, Field(alias="from", max_length=20)]
    end: Annotated[str, Field(alias="until", max_length=20)]
    zone: str
