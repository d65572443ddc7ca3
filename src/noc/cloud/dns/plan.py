"""From the records that are there to those that should be: what to create, change and remove, and what to leave."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from noc.cloud.dns.records import Record
from noc.cloud.errors import ForeignRecord

Kind = Literal["create", "update", "delete"]


@dataclass(frozen=True)
class Found:
    """A record as it is at the provider.

    Attributes:
        id: the provider's own name for it; "" where it has none.
        ours: whether it carries the fleet's mark.
    """

    record: Record
    id: str
    ours: bool


@dataclass(frozen=True)
class Change:
    """One change: a record that is made, one that becomes another, or one that goes."""

    kind: Kind
    before: Found | None
    after: Record | None

    @property
    def name(self) -> str:
        """The name that it is about."""
        record = self.after or (self.before.record if self.before else None)
        assert record is not None
        return record.name

    def __str__(self) -> str:
        """The change as people read it, and whole: `create A frankfurt.clavitor.com 192.0.2.7 for 300 s`."""
        record = self.after or (self.before.record if self.before else None)
        assert record is not None
        was = f" (was {_value(self.before.record)})" if self.kind == "update" and self.before else ""
        return f"{self.kind} {record.type} {record.name} {_value(record)}{was}"


@dataclass(frozen=True)
class DnsPlan:
    """What has to change, in the order in which it is done: what is made comes before what goes.

    Attributes:
        changes: all of them, one batch.
        kept: how many records are as they should be.
        foreign: how many records of the zone are not ours, and left alone.
    """

    changes: tuple[Change, ...]
    kept: int
    foreign: int


def plan(there: Iterable[Found], wanted: Iterable[Record]) -> DnsPlan:
    """Compare.

    Args:
        there: every record of the zone that lets a name lead somewhere.
        wanted: what the fleet needs.

    Raises:
        ForeignRecord: a name that the fleet needs has a record without its mark.
    """
    found, needed = tuple(there), {record.key: record for record in wanted}
    _refuse_foreign(found, needed)
    ours: dict[tuple[str, str], Found] = {}
    spare: list[Found] = []
    for each in found:
        if each.ours:
            (spare.append(each) if each.record.key in ours else ours.setdefault(each.record.key, each))
    made = [_change(ours.get(key), record) for key, record in sorted(needed.items())]
    changes = [change for change in made if change is not None]
    gone = [each for key, each in sorted(ours.items()) if key not in needed] + spare
    changes += [Change("delete", each, None) for each in gone]
    return DnsPlan(tuple(changes), made.count(None), sum(not each.ours for each in found))


def _change(there: Found | None, record: Record) -> Change | None:
    if there is None:
        return Change("create", None, record)
    return None if there.record == record else Change("update", there, record)


def foreign_names(there: Iterable[Found], wanted: Iterable[Record]) -> tuple[str, ...]:
    """The names that the fleet needs and at which others' records stand. Arguments as `plan`."""
    names = {record.name for record in wanted}
    return tuple(sorted({each.record.name for each in there if not each.ours and each.record.name in names}))


def _value(record: Record) -> str:
    return f"{record.content} proxied" if record.proxied else f"{record.content} for {record.ttl} s"


def _refuse_foreign(found: Iterable[Found], needed: Mapping[tuple[str, str], Record]) -> None:
    if strange := foreign_names(found, needed.values()):
        raise ForeignRecord(
            f"{', '.join(strange)}: a record without the fleet's mark stands there",
            why="it was made by hand or for something else, and is not ours to change",
            fix="remove it at the DNS provider, then give the command again",
        )
