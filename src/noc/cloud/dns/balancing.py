"""From the parts of a balancer that are there to those that should be, in an order in which each can be made.

There is no transaction over them: a balancer names its pools, and a pool its monitor, so what others lean on is made
first and removed last. What was cut off in between is found by the next plan.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from noc.cloud.dns.balancer import Monitor, Part
from noc.cloud.dns.plan import Kind
from noc.cloud.errors import ForeignBalancer

ORDER: Final = ("monitor", "pool", "balancer")


@dataclass(frozen=True)
class FoundPart:
    """A part as it is at the provider.

    Attributes:
        part: what we can say of it.
        id: the provider's own name for it.
        ours: whether it carries the fleet's mark.
        altered: whether something beyond that was set otherwise than we set it.
    """

    part: Part
    id: str
    ours: bool
    altered: bool = False


@dataclass(frozen=True)
class PartChange:
    """One change: a part that is made, one that becomes another, or one that goes."""

    kind: Kind
    before: FoundPart | None
    after: Part | None

    @property
    def part(self) -> Part:
        """The part as it will be, or was where it goes."""
        part = self.after or (self.before.part if self.before else None)
        assert part is not None
        return part

    def __str__(self) -> str:
        """The change as people read it: `create pool clavitor_frankfurt 192.0.2.7 at 50.11, 8.68`."""
        if self.kind != "update" or self.before is None:
            return f"{self.kind} {self.part}"
        was = "set otherwise by hand" if self.before.part == self.after else str(self.before.part)
        return f"update {self.part} (was {was})"


def plan_parts(there: Iterable[FoundPart], wanted: Iterable[Part]) -> tuple[PartChange, ...]:
    """Compare.

    Args:
        there: every part that the provider holds, others' too.
        wanted: what the fleet needs.

    Returns:
        The changes, in the order in which they are made.

    Raises:
        ForeignBalancer: what the fleet needs stands there without its mark.
    """
    found, needed = tuple(there), {part.key: part for part in wanted}
    if strange := foreign_parts(found, needed.values()):
        raise ForeignBalancer(
            f"{', '.join(strange)} at the DNS provider: without the fleet's mark",
            why="it was made by hand or for something else, and is not ours to change",
            fix="remove it at the DNS provider, then give the command again",
        )
    marked = sorted((each for each in found if each.ours), key=lambda each: each.id, reverse=True)
    ours = {each.part.key: each for each in marked}
    made = [_change(ours.get(key), part) for key, part in needed.items()]
    gone = [each for each in marked if each.part.key not in needed or ours[each.part.key] is not each]
    return (
        *sorted((change for change in made if change is not None), key=_rank),
        *sorted((PartChange("delete", each, None) for each in gone), key=_rank, reverse=True),
    )


def foreign_parts(there: Iterable[FoundPart], wanted: Iterable[Part]) -> tuple[str, ...]:
    """What the fleet needs and others have: pools by name, a balancer by its domain. A monitor has no name to take."""
    keys = {part.key for part in wanted if not isinstance(part, Monitor)}
    return tuple(sorted({" ".join(each.part.key) for each in there if not each.ours and each.part.key in keys}))


def _change(there: FoundPart | None, part: Part) -> PartChange | None:
    if there is None:
        return PartChange("create", None, part)
    return None if there.part == part and not there.altered else PartChange("update", there, part)


def _rank(change: PartChange) -> tuple[int, str]:
    kind, name = change.part.key
    return ORDER.index(kind), name


class Balancing(Protocol):
    """The load balancing of one zone at its provider."""

    async def parts(self) -> Sequence[FoundPart]:
        """Every monitor and pool of the account, and every balancer of the zone, and whether it carries our mark.

        Raises:
            DnsRefused, DnsUnreachable: they cannot be read.
        """
        ...

    async def apply(self, changes: Sequence[PartChange]) -> None:
        """Make all changes in order.

        Raises:
            DnsRefused, BalancingOff: one was refused; those before it were made.
            DnsUnreachable: whether one was made is not known; those before it were.
        """
        ...
