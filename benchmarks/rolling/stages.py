"""Where the time of a run went, by its journal."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

TOGETHER = ("preflight", "stage")
"""Steps that several nodes take at once: from the first one's start to the last one's end."""
ENDS = ("ok", "failed", "skipped")


def at(event: Mapping[str, Any]) -> float:
    """When a record was written, Unix seconds."""
    return datetime.fromisoformat(event["at"]).timestamp()


def profile(events: Iterable[Mapping[str, Any]]) -> dict[str, float]:
    """Seconds by step: spans of what is done together, sums of what is done one after the other, and the whole run."""
    rows = list(events)
    open_steps: dict[tuple[str, str], float] = {}
    spans, sums = dict[str, list[float]](), defaultdict[str, float](float)
    for event in rows:
        key = (str(event["node"]), str(event["step"]))
        if event["state"] == "started":
            open_steps[key] = at(event)
        elif event["state"] in ENDS and key in open_steps and event["node"] is not None:
            began, step = open_steps.pop(key), key[1]
            sums[step] += at(event) - began
            spans.setdefault(step, []).extend((began, at(event)))
    together = {step: max(times) - min(times) for step, times in spans.items() if step in TOGETHER}
    apart = {step: seconds for step, seconds in sums.items() if step not in TOGETHER}
    return {**together, **apart, "run": at(rows[-1]) - at(rows[0])}
