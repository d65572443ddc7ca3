"""`[push]`: how many pushes the watch takes from one pusher."""

from typing import Annotated

from pydantic import Field

from noc.fleet.part import Part


class Push(Part):
    """The limit for one token, and for one address: more is answered 429 until there is room again.

    Attributes:
        per_second: pushes a second, for as long as anybody likes.
        at_once: pushes that may come on top after a silence.
    """

    per_second: Annotated[float, Field(gt=0, le=1_000_000)] = 20
    at_once: Annotated[int, Field(ge=1, le=1_000_000)] = 600
