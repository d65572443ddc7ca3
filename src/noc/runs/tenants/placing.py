"""A tenant's place: decided by what is seen, while nobody else changes the registry."""

from collections.abc import Mapping
from dataclasses import dataclass

from noc.placement.assignment import place
from noc.placement.decision import Placed
from noc.placement.errors import NoPlace
from noc.placement.roster import Candidate, roster
from noc.placement.wishes import Wishes
from noc.runs.site.site import Site
from noc.runs.site.watchdoor import Watched
from noc.runs.tenants.errors import TenantElsewhere
from noc.runs.tenants.registry import Registry, Tenant
from noc.runs.tenants.seen import seen_nodes

EXPECTED_S = 600
"""Seconds for which a tenant who was placed counts as a session that is about to come."""


@dataclass(frozen=True)
class Asked:
    """What is asked for a tenant.

    Attributes:
        tenant: the tenant id.
        wishes: where they want to live.
        by: who asks.
        at: when, Unix seconds.
    """

    tenant: str
    wishes: Wishes
    by: str
    at: int


@dataclass(frozen=True)
class Outcome:
    """What came of it.

    Attributes:
        tenant: as they are placed now, or would be.
        placed: the decision with every candidate; None for one who stays where nobody new could come.
        is_new: whether they were not placed before.
    """

    tenant: Tenant
    placed: Placed | None
    is_new: bool


class Placing:
    """Decisions for one fleet, as the watch sees it at one moment."""

    def __init__(self, site: Site, registry: Registry, watched: Mapping[str, Watched]) -> None:
        """Decide over a fleet, its registry, and its nodes by name."""
        self._site, self._registry, self._watched = site, registry, watched

    def decided(self, asked: Asked) -> Outcome:
        """What would be decided now; nothing is written. Raises as `place`."""
        return self._decide(asked, self._registry.find(asked.tenant))

    def place(self, asked: Asked) -> Outcome:
        """Place a tenant; who is placed already stays, and hears where.

        Raises:
            NoPlace, BadWishes: no node may take them, or nobody can read what was measured.
            TenantElsewhere: they live on another node than the one that is asked for.
            RegistryUnusable: nothing was written.
        """
        outcome: Outcome | None = None

        def decide(known: Tenant | None) -> Tenant:
            nonlocal outcome
            outcome = self._decide(asked, known)
            return outcome.tenant

        self._registry.place(asked.tenant, decide)
        assert outcome is not None
        return outcome

    def _decide(self, asked: Asked, known: Tenant | None) -> Outcome:
        if known is None:
            placed = place(self._roster(asked), asked.tenant, asked.wishes)
            tenant = Tenant(asked.tenant, placed.node, asked.wishes.residency or "", asked.at, asked.by)
            return Outcome(tenant, placed, is_new=True)
        if asked.wishes.node not in {None, known.node}:
            what = f"this tenant lives on {known.node} already, with their data"
            raise TenantElsewhere(what, fix="place them without --node to hear where they live")
        return Outcome(known, self._staying(asked, known), is_new=False)

    def _staying(self, asked: Asked, known: Tenant) -> Placed | None:
        """Why they stay; None where the rules would not have them there: they stay all the same, with their data."""
        try:
            placed = place(self._roster(asked), asked.tenant, asked.wishes, known.node)
        except NoPlace:
            return None
        return placed if placed.stays else None

    def _roster(self, asked: Asked) -> tuple[Candidate, ...]:
        expected = self._registry.counts(asked.at - EXPECTED_S)
        return roster(self._site.fleet, seen_nodes(self._site, self._watched, expected))
