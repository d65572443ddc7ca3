"""`[routing]`: whether the domain itself leads to one node, or to the nearest of several."""

from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from noc.fleet.part import Part

MOST_ROUTED: Final = 20
"""Pools, and endpoints in them, of one account without a contract of its own.
https://developers.cloudflare.com/load-balancing/reference/limitations/"""

Steering = Literal["proximity", "dynamic_latency"]


class Routing(Part):
    """How the domain itself leads to nodes.

    `single`: to the one that `noc dns apex` was given. `latency`: by the load balancing of the DNS provider to the
    nearest of `nodes`, or of all live nodes where none are named, among those that answer for the domain; that costs
    money (`noc cost`). `steering` says what near means: `proximity` goes by the places in the fleet file,
    `dynamic_latency` by the round trips that the provider measures. `interval` are the seconds between its looks at a
    node, `ttl` those for which its answers are kept.
    """

    method: Literal["single", "latency"] = "single"
    provider: Literal["cloudflare", "route53"] = "cloudflare"
    steering: Steering = "proximity"
    nodes: Annotated[tuple[str, ...], Field(max_length=MOST_ROUTED)] = ()
    interval: Annotated[int, Field(ge=15, le=3_600)] = 60
    ttl: Annotated[int, Field(ge=30, le=3_600)] = 30

    @model_validator(mode="after")
    def _can_be_made(self) -> Self:
        if self.method == "latency" and self.provider != "cloudflare":
            words = 'should have the provider "cloudflare": latency records of Route 53 are not made'
            raise PydanticCustomError("provider", words)
        return self

    @property
    def by_latency(self) -> bool:
        """Whether the domain leads to several nodes."""
        return self.method == "latency"
