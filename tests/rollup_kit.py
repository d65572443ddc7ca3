"""Rollups for tests: what a database holds, and what it must hold."""

import json
from collections.abc import Sequence

from noc.watch.store.engine import Where, open_engine
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


def stored(where: Where) -> Rows:
    """What a database holds."""
    engine = open_engine(where)
    query = "SELECT node, grain, at, beats, deaths, CAST(fields AS TEXT) FROM rollups"
    with engine.connect() as connection:
        rows = connection.exec_driver_sql(query).all()
    engine.dispose()
    return {(node, grain, at): (beats, deaths, json.loads(fields)) for node, grain, at, beats, deaths, fields in rows}
