"""Rollups for tests: what a database holds, and what it must hold."""

import json
import sqlite3
from collections.abc import Sequence
from pathlib import Path

from noc.watch.store.records import Beat
from noc.watch.store.rollups import GRAINS

Rows = dict[tuple[str, int, int], tuple[int, int, dict[str, list[float]]]]
"""Node, grain and bucket → pushes of life, of death, and field → [least, most, sum, count]."""


def from_scratch(beats: Sequence[Beat]) -> Rows:
    """What the table must hold, computed from all pushes at once."""
    rows: Rows = {}
    for grain in GRAINS:
        places = {(beat.node, grain, beat.at - beat.at % (grain * 1000)) for beat in beats}
        for place in places:
            mine = [beat for beat in beats if (beat.node, grain, beat.at - beat.at % (grain * 1000)) == place]
            values: dict[str, list[float]] = {}
            for beat in mine:
                for name, value in (beat.telemetry or {}).items():
                    if isinstance(value, int | float):
                        values.setdefault(name, []).append(value)
            fields = {name: [min(all_), max(all_), _total(all_), len(all_)] for name, all_ in values.items()}
            rows[place] = (sum(beat.up for beat in mine), sum(not beat.up for beat in mine), fields)
    return rows


def _total(values: Sequence[float]) -> float:
    total = 0.0
    for value in values:  # in order, as floating-point sums depend on it; `sum` rounds otherwise from Python 3.12 on
        total += value
    return total


def stored(path: Path) -> Rows:
    connection = sqlite3.connect(path)
    try:
        rows = connection.execute("SELECT node, grain, at, beats, deaths, fields FROM rollups").fetchall()
    finally:
        connection.close()
    return {(node, grain, at): (beats, deaths, json.loads(fields)) for node, grain, at, beats, deaths, fields in rows}
