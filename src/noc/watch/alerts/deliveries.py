"""Which messages the waiting alerts of one channel become: pure.

An incident has one message at a time, which says how it stands now: what came before and did not go out is told with
it. The end of an incident takes everything of it along. A child is told with its parent. More than a few at once
become one message that names all.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from noc.watch.store.records import AlertKind, Incident, MessageKind

MOST_SINGLE: Final = 3
"""So many messages of incidents go out by themselves in `STORM_S`; what follows is gathered."""
STORM_S: Final = 30.0
GATHER_S: Final = 5.0

SPEAKS: Final[dict[AlertKind, int]] = {"closed": 0, "escalated": 1, "opened": 2, "acknowledged": 3, "reminder": 4}


@dataclass(frozen=True)
class Waiting:
    """An alert of an incident in the outbox that has not gone out.

    Attributes:
        created, due: ms UTC; before `due` it need not go out.
        incident: as it stands now.
        stored: whether the database has it.
    """

    id: str
    kind: AlertKind
    created: int
    attempts: int
    incident: Incident
    due: int | None = None
    stored: bool = True


@dataclass(frozen=True)
class Note:
    """A message about no incident: a briefing, or a test. Times are ms UTC."""

    id: str
    kind: MessageKind
    attempts: int
    expires: int
    message: Mapping[str, str]


@dataclass(frozen=True)
class Delivery:
    """One message to send: the alerts that it speaks of, the loudest first, and all alerts that it settles.

    Attributes:
        children: the incidents that its incidents speak for, by the parent's number.
    """

    alerts: tuple[Waiting, ...]
    settles: tuple[str, ...]
    children: Mapping[int, tuple[Incident, ...]] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """The same for every attempt to send the same: the alert's own, or one made of all."""
        if len(self.alerts) == 1:
            return self.alerts[0].id
        return "storm-" + hashlib.sha256("\n".join(sorted(self.settles)).encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Round:
    """What is to be done for a channel now: messages in their order, and alerts that nobody needs any more."""

    deliveries: tuple[Delivery, ...]
    needless: tuple[str, ...]


def plan_round(waiting: Iterable[Waiting], now: int, *, singles: int = MOST_SINGLE) -> Round:
    """Decide what goes out.

    Args:
        waiting: all that waits on the channel, due or not.
        now: ms UTC.
        singles: how many messages may go out by themselves; if there are more, one names all.
    """
    incidents: dict[int, list[Waiting]] = {}
    for alert in waiting:
        incidents.setdefault(alert.incident.id, []).append(alert)
    spoken, needless = [], []
    for alerts in incidents.values():
        speaker = _speaker([alert for alert in alerts if alert.due is None or alert.due <= now])
        if speaker is None:
            continue
        if speaker.kind == "reminder" and speaker.incident.acked is not None:
            needless += [alert.id for alert in alerts]
        else:
            spoken.append(Delivery((speaker,), tuple(alert.id for alert in alerts)))
    families = sorted(_families(spoken), key=lambda each: each.alerts[0].created)
    deliveries = (_together(families),) if len(families) > max(1, singles) else tuple(families)
    return Round(deliveries, tuple(needless))


def hold_s(sent: Sequence[float], now: float) -> float:
    """Seconds for which the next messages are gathered, after many have gone out.

    Args:
        sent: when messages went out, monotonic seconds, in order.
        now: the same clock.
    """
    lately = [at for at in sent if at > now - STORM_S]
    return max(0.0, lately[-1] + GATHER_S - now) if len(lately) >= MOST_SINGLE else 0.0


def singles_left(sent: Sequence[float], now: float) -> int:
    """How many messages may still go out by themselves. Arguments as of `hold_s`."""
    return max(0, MOST_SINGLE - sum(at > now - STORM_S for at in sent))


def _speaker(alerts: Sequence[Waiting]) -> Waiting | None:
    """The alert whose message tells all the others: the one that says most of how the incident stands."""
    return min(alerts, key=lambda alert: (SPEAKS[alert.kind], -alert.created), default=None)


def _families(spoken: Sequence[Delivery]) -> list[Delivery]:
    """Children go with their parent, where that is told now too."""
    by_number = {each.alerts[0].incident.id: each for each in spoken}
    children: dict[int, list[Delivery]] = {}
    for each in spoken:
        parent = each.alerts[0].incident.parent
        if parent in by_number and by_number[parent].alerts[0].incident.parent is None:
            children.setdefault(parent, []).append(each)
    absorbed = {each.alerts[0].incident.id for group in children.values() for each in group}
    return [
        Delivery(
            each.alerts,
            each.settles + tuple(name for child in children.get(number, ()) for name in child.settles),
            {number: tuple(child.alerts[0].incident for child in children[number])} if number in children else {},
        )
        for number, each in by_number.items()
        if number not in absorbed
    ]


def _together(families: Sequence[Delivery]) -> Delivery:
    alerts = sorted((each.alerts[0] for each in families), key=_loudness)
    settles = tuple(name for each in families for name in each.settles)
    return Delivery(tuple(alerts), settles, {number: of for each in families for number, of in each.children.items()})


def _loudness(alert: Waiting) -> tuple[bool, str, int]:
    return alert.incident.ended is not None, alert.incident.severity, alert.incident.started
