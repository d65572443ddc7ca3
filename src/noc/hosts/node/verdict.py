"""What happened to a run on this node: its verdict file, read and waited for."""

import time
from collections.abc import Collection
from typing import Any

from .layout import Layout
from .state import Refused, read_json

FINAL = frozenset({"confirmed", "rolled-back", "rollback-failed", "refused"})
PATIENCE = 0.01
SHORTEST_S, LONGEST_S = 0.002, 0.02


def read_verdict(layout: Layout, run: str) -> dict[str, Any]:
    """The verdict of a run as it stands. Raises Refused("unknown") where there is none."""
    verdict: dict[str, Any] | None = read_json(layout, f"verdicts/{run}.json")
    if verdict is None:
        raise Refused("unknown", f"this node knows nothing of run {run}")
    return verdict


def await_verdict(layout: Layout, run: str, leaving: Collection[str], seconds: float) -> dict[str, Any]:
    """The verdict once its state is none of those to leave, or is final; the last one after so many seconds.

    It is looked at again after a hundredth of the time waited so far: what comes soon is seen within milliseconds, and
    a long wait costs next to nothing.
    """
    begun = time.monotonic()
    while (verdict := read_verdict(layout, run))["state"] in leaving and verdict["state"] not in FINAL:
        waited = time.monotonic() - begun
        if waited >= seconds:
            break
        time.sleep(min(max(waited * PATIENCE, SHORTEST_S), LONGEST_S))
    return verdict
