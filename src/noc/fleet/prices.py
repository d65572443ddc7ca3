"""Prices as data: each row with its source and its day, from our table or from the provider's own list."""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Final, Literal

HOURS_A_MONTH: Final = 730
"""Hours in an average month, as AWS bills it: the hours of 365 days, over 12."""

What = Literal["instance", "disk", "address", "egress"]
UNITS: Final[Mapping[What, str]] = {"instance": "h", "disk": "GB and month", "address": "h", "egress": "GB"}
ANY: Final = "*"
FILE: Final = "prices.toml"


@dataclass(frozen=True)
class Price:
    """One row of a price list.

    Attributes:
        region: the provider's region, `*` for all.
        kind: the type of instance, disk or address, `*` for all.
        usd: US dollars per unit of the item (`UNITS`), without tax.
        source: a key of the list's sources, which say it in words.
        as_of: the day for which it was read, ISO 8601.
    """

    provider: str
    region: str
    item: What
    kind: str
    usd: float
    source: str
    as_of: str

    @property
    def guessed(self) -> bool:
        """Whether no document stands behind it."""
        return self.source in {"remembered", "estimate"}


@dataclass(frozen=True)
class Commitment:
    """What committing oneself takes off the price of instances, as shares of it: a range over regions and terms."""

    provider: str
    name: str
    least: float
    most: float
    source: str
    as_of: str


@dataclass(frozen=True)
class Balancer:
    """A load balancer before the nodes, US dollars a month: the base holds some endpoints, each other costs more.

    Queries beyond the free ones are not in it: nobody knows how many there will be.
    """

    provider: str
    base_usd: float
    endpoints: int
    endpoint_usd: float
    steering_usd: float
    source: str
    as_of: str

    def monthly(self, endpoints: int) -> float:
        """US dollars a month for so many endpoints, steering by distance included."""
        return self.base_usd + self.steering_usd + self.endpoint_usd * max(0, endpoints - self.endpoints)


@dataclass(frozen=True)
class PriceList:
    """All that is known of prices."""

    sources: Mapping[str, str]
    rows: tuple[Price, ...]
    commitments: tuple[Commitment, ...]
    balancers: tuple[Balancer, ...]
    free_egress_gb: Mapping[str, float]

    def find(self, provider: str, region: str | None, item: What, kind: str) -> Price | None:
        """The row that fits best, an exact region and kind before `*`; None where nothing is known."""
        wanted = (
            (row.region == ANY, row.kind == ANY, row)
            for row in self.rows
            if row.provider == provider and row.item == item and row.region in {region, ANY} and row.kind in {kind, ANY}
        )
        return min(wanted, key=lambda each: each[:2], default=(True, True, None))[2]

    def balancer(self, provider: str) -> Balancer:
        """What a provider that can balance takes for it; the table has a row for each."""
        return next(row for row in self.balancers if row.provider == provider)

    def updated(self, rows: Iterable[Price], sources: Mapping[str, str]) -> "PriceList":
        """The same list with rows that were read later in the place of those they speak of."""
        newer = {_key(row): row for row in rows}
        kept = tuple(row for row in self.rows if _key(row) not in newer)
        merged = {**self.sources, **sources}
        return PriceList(merged, (*newer.values(), *kept), self.commitments, self.balancers, self.free_egress_gb)


def _key(row: Price) -> tuple[str, str, str, str]:
    return row.provider, row.region, row.item, row.kind


def known_prices(directory: Path) -> PriceList:
    """A fleet's price list: what was read from its providers (`prices.toml` beside the inventory) over the table."""
    path = directory / FILE
    if not path.exists():
        return price_list()
    data = tomllib.loads(path.read_text("utf-8"))
    return price_list().updated([Price(**row) for row in data["price"]], data["sources"])


@cache
def price_list() -> PriceList:
    """The table that comes with the program, `prices.toml`."""
    data = tomllib.loads(files("noc.fleet").joinpath("prices.toml").read_text(encoding="utf-8"))
    return PriceList(
        sources=data["sources"],
        rows=tuple(Price(**row) for row in data["price"]),
        commitments=tuple(Commitment(**row) for row in data["commitment"]),
        balancers=tuple(Balancer(**row) for row in data["balancer"]),
        free_egress_gb={row["provider"]: row["gb"] for row in data["free"] if row["item"] == "egress"},
    )
