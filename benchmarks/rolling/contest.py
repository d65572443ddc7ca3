"""All tools in turn, round after round, with the pure limit in the same round."""

import contextlib
import shutil
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from rolling.house import Failed, House, Sample
from rolling.payload import Payload
from rolling.stages import profile
from rolling.tools import Tool

QUIET_S = 1.0
"""Seconds between two runs, for what the last one left to do."""


@dataclass
class Contest:
    """What a contest measured.

    Attributes:
        path: how the tools reached the nodes.
        samples: the runs of each tool, by its name.
        limits: the pure limit of each round, seconds.
        stages: where the time of each of our runs went.
    """

    path: str
    samples: dict[str, list[Sample]] = field(default_factory=dict)
    limits: list[float] = field(default_factory=list)
    stages: list[dict[str, float]] = field(default_factory=list)

    @property
    def limit_s(self) -> float:
        """The median of the limits."""
        return statistics.median(self.limits)

    def seconds(self, tool: str) -> float:
        """The median of a tool."""
        return statistics.median(sample.seconds for sample in self.samples[tool])

    def rows(self) -> list[dict[str, Any]]:
        """One row a tool, the first one's ratio being 1."""
        ours = self.seconds(next(iter(self.samples)))
        return [_row(name, samples, ours) for name, samples in self.samples.items()]


def _row(name: str, samples: Sequence[Sample], ours: float) -> dict[str, Any]:
    seconds = [sample.seconds for sample in samples]
    return {
        "tool": name,
        "median_s": statistics.median(seconds),
        "range_s": [min(seconds), max(seconds)],
        "n": len(seconds),
        "cpu_s": statistics.median(sample.cpu_s for sample in samples),
        "peak_mb": max(sample.peak_mb for sample in samples),
        "ratio": statistics.median(seconds) / ours,
    }


def contest(house: House, tools: Sequence[Tool], rounds: int, path: str) -> Contest:
    """Let every tool roll a new payload over all nodes, once a round; each round begins with another tool.

    Args:
        house: every node live.
        tools: ours first.
        rounds: how often.
        path: a word for how the tools reach the nodes.
    """
    result = Contest(path, {tool.name: [] for tool in tools})
    for number in range(rounds):
        first = number % len(tools)
        for tool in (*tools[first:], *tools[:first]):
            sample = one(house, tool)
            result.samples[tool.name].append(sample)
            house.tell(
                f"{path}, round {number + 1}: {tool.name} {sample.seconds:.1f} s, "
                f"{sample.cpu_s:.1f} s CPU, {sample.peak_mb:.0f} MB"
            )
            if not tool.foreign:
                result.stages.append(profile(house.last_run()))
        result.limits.append(sum(house.limits()))
        house.tell(f"{path}, round {number + 1}: pure limit {result.limits[-1]:.1f} s")
    return result


def one(house: House, tool: Tool) -> Sample:
    """One run with a payload of its own; everything else is done before its clock starts. Raises Failed."""
    payload = house.payloads.make()
    with _on_hq(house, payload):
        if not tool.foreign:
            house.hq.add_release(payload.directory)
        time.sleep(QUIET_S)
        sample = tool.run(house, payload)
        lacking = house.lacking(payload)
    if sample.status or lacking:
        raise Failed(f"{tool.name}: status {sample.status}, not new: {lacking}: {sample.words[-1500:]}")
    if not tool.foreign:
        house.base = payload
    house.back()
    return sample


@contextlib.contextmanager
def _on_hq(house: House, payload: Payload) -> Any:  # noqa: ANN401 - a generator
    there = house.lab.disk(house.hq.name) / "root" / payload.directory.name
    shutil.copytree(payload.directory, there)
    try:
        yield
    finally:
        shutil.rmtree(there)
        shutil.rmtree(payload.directory)
