"""`[rescue]`: after how long a node without its tunnel helps itself."""

from typing import Annotated

from pydantic import Field

from noc.fleet.part import Part


class Rescue(Part):
    """Seconds in which nothing was heard of HQ through the tunnel; a node's watchdog counts them.

    Attributes:
        fallback_after: the node tries `hub.fallback` as well, in turn with HQ's address.
        rescue_after: it lets `hub.rescue` in at 22. That alone opens nothing where the cloud's own firewall is shut.
    """

    fallback_after: Annotated[float, Field(ge=1, le=86_400)] = 600
    rescue_after: Annotated[float, Field(ge=1, le=604_800)] = 7200
