"""What a journal remembers of a run that is gone on with, beside where its nodes stand."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from noc.runs.record.events import Event, State
from noc.runs.rollout.node import Known
from noc.runs.rollout.phases import Step
from noc.runs.rollout.verdicts import Reasons


@dataclass(frozen=True)
class Recollection:
    """What was found out before: of each node that was asked, and why nodes failed."""

    nodes: dict[str, Known] = field(default_factory=dict)
    reasons: Reasons = field(default_factory=Reasons)


def recollect(events: Iterable[Event]) -> Recollection:
    """Read it from a run's records."""
    found = Recollection()
    for event in events:
        if event.node is None:
            continue
        if (event.step, event.state) == (Step.PREFLIGHT, State.OK):
            detail = event.detail
            found.nodes[event.node] = Known(detail.get("running"), detail.get("config"), detail.get("release"))
        if back := event.detail.get("system_back"):
            found.nodes[event.node] = replace(found.nodes.get(event.node, Known()), system_back=str(back))
        if reboot := event.detail.get("reboot"):
            found.reasons.note(event.node, reboot)
        if error := event.detail.get("error"):
            found.reasons.remember(event.node, error)
    return found
