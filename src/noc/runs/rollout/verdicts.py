"""What became of each node of a rollout, why, and what that means for the whole.

| verdict         | the node runs        | it means                                                           | exit |
|-----------------|----------------------|--------------------------------------------------------------------|------|
| confirmed       | what the plan wants  | proven from both sides, steady over its soak                       | 0    |
| unchanged       | what the plan wants  | it had that already, and is healthy                                | 0    |
| skipped         | what it ran before   | it was down; it gets the release when it is back                   | 3    |
| untouched       | what it ran before   | the run ended before its turn                                      | 3    |
| halted          | what it ran before   | it was in hand, not proven yet, when the run ended; turned back    | 3    |
| blocked         | what it ran before   | something prevents the change; nothing was done to it              | 7    |
| refused         | what it ran before   | the node refused what it got, or to begin; nothing was changed     | 1    |
| rolled-back     | what it ran before   | it did not pass, was turned back, and is proven on what it ran     | 1    |
| turned-back     | what it ran before   | it was confirmed, and returned since others failed                 | 1    |
| kept            | what the plan wanted | it could not be returned with the fleet, and is healthy on that    | 1    |
| rollback-failed | unknown              | it did not pass, and is not proven on what it ran before           | 1    |
"""

from collections.abc import Mapping, Sequence
from typing import Any

from noc.errors import NocError
from noc.runs.record.events import Verdict
from noc.runs.rollout.ledger import Concerned
from noc.runs.rollout.phases import GOOD, Phase
from noc.runs.rollout.rollout import Rollout
from noc.runs.site.site import Site

_FAILED = frozenset({"refused", "rolled-back", "rollback-failed", "turned-back", "kept"})
_PARTLY, _BLOCKED = 3, 7


class Reasons:
    """Why nodes failed: HQ's own account first, the node's where it says something else."""

    def __init__(self) -> None:
        """Nothing has failed yet."""
        self._why: dict[str, str] = {}
        self._short: dict[str, str] = {}
        self._notes: dict[str, str] = {}

    def add(self, node: str, error: NocError) -> None:
        """An error at a step of a node; the first one is the reason, what follows from it is not."""
        self._why.setdefault(node, str(error))
        self._short.setdefault(node, f"{error.what}: {error.why}" if error.why else error.what)

    def note(self, node: str, reboot: Sequence[str]) -> None:
        """A node took its packages well, of some of which the old version runs until it starts anew."""
        self._notes[node] = f"needs a reboot: {', '.join(reboot)}"

    def noted(self, node: str) -> str:
        """What is to be done on a node that took the change well, "" for nothing."""
        return self._notes.get(node, "")

    def remember(self, node: str, document: Mapping[str, Any]) -> None:
        """An error as a record keeps it."""
        self.add(node, _as_recorded(document))

    def hear(self, node: str, reason: str) -> None:
        """Add the node's own account of its failure to ours, where it is another one."""
        why = self._why.get(node)
        if why and reason and reason not in why and self._short[node] not in reason:
            self._why[node] = f"{why} The node says: {reason}."

    def of(self, node: str) -> str:
        """The reason in short, "" where nothing failed."""
        return self._short.get(node, "")

    def why(self, node: str) -> str:
        """The whole of it, "" where nothing failed."""
        return self._why.get(node, "")

    @property
    def first(self) -> str:
        """The reason that came first, "" where nothing failed."""
        return next(iter(self._short.values()), "")


def _as_recorded(document: Mapping[str, Any]) -> NocError:
    kind: type[NocError] = type("Recorded", (NocError,), {"code": str(document["code"]).removeprefix("NOC-")})
    return kind(document["what"], why=document.get("why", ""), fix=document.get("fix", ""))


def verdict(rollout: Rollout, name: str, node: Concerned, site: Site, reasons: Reasons) -> Verdict:
    """The row of one node.

    Args:
        rollout: at its end.
        name: the node's.
        node: see Concerned.
        site: the fleet.
        reasons: why nodes failed.
    """
    standing = rollout.nodes[name]
    phase = standing.phase
    before = site.label(node.before)
    target = site.label(node.release) or before
    has_it = dict.fromkeys((Phase.CONFIRMED, Phase.UNCHANGED, Phase.KEPT), target)
    now = {**has_it, Phase.ROLLBACK_FAILED: "unknown"}.get(phase, before)
    if phase is Phase.SKIPPED and standing.confirmed:
        now = target  # it was confirmed by this run before that was cut, and is away since
    return Verdict(
        node=name,
        before=before,
        now=now,
        verdict=rollout.verdict(name),
        good=rollout.is_good(name),
        why=reasons.noted(name) if phase in GOOD else reasons.why(name) or _general(rollout, phase, reasons),
    )


def _general(rollout: Rollout, phase: Phase, reasons: Reasons) -> str:
    """Why a node that has not failed does not run what the plan wants."""
    if phase is Phase.SKIPPED:
        return "it could not be reached"
    if rollout.stopping:
        return "the run was asked to stop"
    return f"the run ended: {reasons.first}" if reasons.first else ""


def exit_code(verdicts: Sequence[Verdict]) -> int:
    """What the command returns: 0 all good, 1 a node failed, 3 partly done, 7 blocked before anything was done."""
    words = {row.verdict for row in verdicts}
    if words & _FAILED:
        return 1
    if all(row.good for row in verdicts):
        return 0
    return _BLOCKED if Phase.BLOCKED in words and Phase.CONFIRMED not in words else _PARTLY
