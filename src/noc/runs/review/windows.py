"""When nodes were activated, by a run's own records: no two at a time, unless a batch was asked for."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any


def activation_windows(events: Sequence[Mapping[str, Any]]) -> list[tuple[str, str, str]]:
    """Node, begin and end (ISO times) of every activation that a run's events record."""
    begun: dict[str, str] = {}
    windows = []
    for event in events:
        if event["step"] != "activate" or event["node"] is None:
            continue
        if event["state"] == "started":
            begun[event["node"]] = event["at"]
        elif event["state"] in ("ok", "failed") and event["node"] in begun:
            windows.append((event["node"], begun.pop(event["node"]), event["at"]))
    return windows


def overlapping(windows: Sequence[tuple[str, str, str]]) -> str:
    """The first two nodes whose activations overlapped, as "a, b"; "" if none did."""
    ordered = sorted(windows, key=lambda window: window[1])
    for (first, _, end), (second, begin, _) in pairwise(ordered):
        if begin < end:
            return f"{first}, {second}"
    return ""
