"""`[placement]`: how full a node may get, which nodes take no new tenants, and what groups of countries there are."""

from typing import Annotated

from pydantic import Field

from noc.fleet.part import Part

Megabytes = Annotated[int, Field(ge=1, le=1_048_576)]
Sessions = Annotated[int, Field(ge=1, le=10_000_000)]
Country = Annotated[str, Field(pattern=r"^[A-Z]{2}$")]
Group = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,30}[a-z0-9]$")]
Named = Annotated[str, Field(max_length=32)]


class Limits(Part):
    """From where on a node takes no new tenant.

    Attributes:
        max_db_mb: MiB of database and write-ahead log.
        max_ram_mb: MiB of memory in use.
        max_sessions: sessions that are not expired.
    """

    max_db_mb: Megabytes = 2_048
    max_ram_mb: Megabytes = 400
    max_sessions: Sessions = 500


class OtherLimits(Part):
    """Other limits for some nodes, by their names; what is left out stays as `[placement]` says."""

    nodes: Annotated[tuple[Named, ...], Field(min_length=1)]
    max_db_mb: Megabytes | None = None
    max_ram_mb: Megabytes | None = None
    max_sessions: Sessions | None = None


class Placement(Limits):
    """What decides where a tenant may live. A fleet without this table places nobody, and its nodes hold no directory.

    Attributes:
        fresh_for: seconds for which a directory is proven to be the newest.
        left_out: nodes that take no new tenant; those who live there stay.
        groups: name → countries (ISO 3166-1), for residency.
        limit: other limits for some nodes, each node in one of them at most.
    """

    fresh_for: Annotated[int, Field(ge=60, le=2_592_000)] = 86_400
    left_out: tuple[Named, ...] = ()
    groups: dict[Group, tuple[Country, ...]] = Field(default_factory=dict, max_length=64)
    limit: tuple[OtherLimits, ...] = ()

    def limits(self, node: str) -> Limits:
        """The limits that hold for a node, by its name."""
        other = next((each.model_dump(exclude={"nodes"}) for each in self.limit if node in each.nodes), {})
        own = {name: getattr(self, name) for name in Limits.model_fields}
        return Limits(**own | {name: most for name, most in other.items() if most is not None})

    def residencies(self, country: str) -> tuple[str, ...]:
        """Every residency that a node in a country satisfies: the country, then its groups in alphabetical order."""
        return (country, *sorted(name for name, countries in self.groups.items() if country in countries))
