"""What is asked for a tenant: by a person at the sign-up page, or by an operator for them."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from noc.fleet.model import Name
from noc.placement.errors import BadWishes
from noc.placement.head import Residency

Samples = Annotated[tuple[Annotated[float, Field(strict=True)], ...], Field(max_length=32)]


class Wishes(BaseModel):
    """Where a tenant wants to live, and what their browser measured.

    Attributes:
        residency: a country (`CH`) or a group of `[placement]` (`eu`); anywhere where None.
        node: this one and no other, by its name; any where None.
        round_trips: node → samples in milliseconds, at most 32 each of at most 16 nodes. They are not trusted.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    residency: Residency | None = None
    node: Name | None = None
    round_trips: Annotated[dict[Name, Samples], Field(max_length=16)] = Field(default_factory=dict)


def read_wishes(document: object) -> Wishes:
    """Read wishes from outside.

    Args:
        document: what was JSON: an object with some of the keys of `Wishes`.

    Raises:
        BadWishes: it is anything else; the error names the place and repeats no value.
    """
    try:
        return Wishes.model_validate(document)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = next((str(part) for part in first["loc"] if part in Wishes.model_fields), "the document")
        fix = "a residency is a country, CH, or a group of [placement], eu; round trips are milliseconds by node"
        raise BadWishes("the tenant's wishes cannot be read", why=f"{where}: {first['msg']}", fix=fix) from None
