"""What the watch saw of a fault, and whether that holds what is promised. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from noc.runs.drill.bounds import RULES, Bounds
from noc.runs.plan.plan import Fault

Word = Literal["held", "missed", "not done"]


@dataclass(frozen=True)
class Seen:
    """When something was first seen of a fault, UTC; None for not yet.

    Attributes:
        noticed: the incident's start, or the first push of a machine that started anew.
        told: the first message about it left.
        over: the incident's end, or that push.
        incident: its number; None where none was opened.
    """

    noticed: datetime | None = None
    told: datetime | None = None
    over: datetime | None = None
    incident: int | None = None


def seen(
    fault: Fault, node: str, began: datetime, incidents: Sequence[Mapping[str, Any]], returned: datetime | None
) -> Seen:
    """Read off the watch's incidents what it saw of one fault.

    Args:
        fault: what was broken.
        node: whose.
        began: when it was ordered, UTC.
        incidents: as the watch's API shows them, in any order.
        returned: when another process of the node was first heard; None for not yet. Only a reboot is over by that.
    """
    topic = RULES.get(fault, "liveness")
    own = [row for row in incidents if (row["node"], row["topic"]) == (node, topic)]
    opened = [(at, row) for row in own if (at := _opened(row, began))]
    if not opened:
        return Seen(returned, None, returned) if fault == "reboot" else Seen()
    at, row = min(opened, key=lambda each: each[0])
    speaker = next((each for each in incidents if each["id"] == row["parent"]), row)
    sent = [_time(alert["sent_at"]) for alert in speaker["alerts"] if alert["sent_at"] and alert["kind"] != "closed"]
    told = min((time for time in sent if time >= began), default=None)
    return Seen(at, told, _time(row["ended_at"]) if row["ended_at"] else None, int(row["id"]))


def _opened(row: Mapping[str, Any], began: datetime) -> datetime | None:
    """When it was opened, or opened again, since then."""
    turns = [_time(turn["at"]) for turn in row["history"] if turn["what"] == "opened"]
    return min((at for at in (_time(row["started_at"]), *turns) if at >= began), default=None)


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)


@dataclass(frozen=True)
class Measured:
    """One row of the table.

    Attributes:
        noticed_s, told_s, over_s: seconds from the fault; None where it never was, or nothing is promised.
        bounds: what is promised of them.
        why: what speaks against it beside the times, or what it was not done for; "" for nothing.
        done: whether the fault was made.
    """

    fault: Fault
    node: str
    noticed_s: float | None
    told_s: float | None
    over_s: float | None
    bounds: Bounds
    why: str = ""
    done: bool = True

    @property
    def word(self) -> Word:
        """The verdict."""
        if not self.done:
            return "not done"
        return "missed" if self.why or self.late else "held"

    @property
    def late(self) -> tuple[str, ...]:
        """What came too late, or never, in words. Who comes back before it is missed is told of to nobody."""
        told = self.bounds.told if self.fault != "reboot" or self.told_s is not None else None
        checked = (
            ("noticed", self.noticed_s, self.bounds.noticed),
            ("told", self.told_s, told),
            ("over", self.over_s, self.bounds.over),
        )
        return tuple(
            f"{what} {'never' if took is None else f'after {took:.1f} s'}, promised within {bound:g} s"
            for what, took, bound in checked
            if bound is not None and (took is None or took > bound)
        )

    def as_dict(self) -> dict[str, Any]:
        """For the record of it, which names the node itself; seconds rounded to hundredths."""
        took = {"noticed_s": self.noticed_s, "told_s": self.told_s, "over_s": self.over_s}
        promised = {"noticed_s": self.bounds.noticed, "told_s": self.bounds.told, "over_s": self.bounds.over}
        return {
            "fault": self.fault,
            **{name: None if value is None else round(value, 2) for name, value in took.items()},
            "bounds": {name: None if value is None else round(value, 2) for name, value in promised.items()},
            "verdict": self.word,
            "why": (self.why or "; ".join(self.late)) if self.word != "held" else "",
        }


def measure(where: tuple[Fault, str], began: datetime, what: Seen, bounds: Bounds, why: str = "") -> Measured:
    """Times since a fault on a node, held against what is promised."""
    noticed, told, over = (
        None if at is None else max((at - began).total_seconds(), 0.0) for at in (what.noticed, what.told, what.over)
    )
    return Measured(*where, noticed, told, over, bounds, why)
