# ruff: noqa: INP001 - a script, no package
"""Draws the dashboard's land from public map data, once, so that neither the watch nor a browser needs a map library.

    python3 tools/worldmap.py land-110m.json > src/noc/watch/pages/static/land.svg

The input is `land-110m.json` of the npm package world-atlas 2.0.2 (`npm pack world-atlas@2.0.2`): Natural Earth's
1:110m land polygons (public domain, naturalearthdata.com) as TopoJSON, packed by Michael Bostock (ISC licence).
"""

import json
import re
import sys
from collections.abc import Iterator
from itertools import pairwise
from math import hypot
from pathlib import Path
from typing import Any

from noc.watch.pages.projection import HEIGHT, SOUTH, WIDTH, project

Point = tuple[float, float]
TOLERANCE = 0.9
SMALLEST = 4.0
"""Units of the picture: how far the line may be off, and the area below which an island is left out."""

_ZERO = re.compile(r"(?<!\d)0\.")

HEAD = """<!-- Land: made with Natural Earth (public domain), from world-atlas 2.0.2, by tools/worldmap.py. -->"""


def arcs(topology: dict[str, Any]) -> list[list[Point]]:
    """TopoJSON's arcs as longitudes and latitudes: each point is a step from the one before, in whole units."""
    (scale_x, scale_y), (move_x, move_y) = topology["transform"]["scale"], topology["transform"]["translate"]
    found = []
    for arc in topology["arcs"]:
        x = y = 0
        line = []
        for step_x, step_y in arc:
            x, y = x + step_x, y + step_y
            line.append((x * scale_x + move_x, y * scale_y + move_y))
        found.append(line)
    return found


def rings(topology: dict[str, Any]) -> Iterator[list[Point]]:
    """Every closed line of the land; an arc with a negative number is walked backwards."""
    lines = arcs(topology)
    for geometry in topology["objects"]["land"]["geometries"]:
        for polygon in geometry["arcs"]:
            for ring in polygon:
                points: list[Point] = []
                for number in ring:
                    line = lines[number] if number >= 0 else lines[~number][::-1]
                    points += line[1:] if points else line
                yield points


def pieces(ring: list[Point]) -> Iterator[list[Point]]:
    """A ring, cut where it jumps over the date line, so that no bar crosses the picture."""
    piece = [ring[0]]
    for before, after in pairwise(ring):
        if abs(after[0] - before[0]) > 180:
            yield piece
            piece = []
        piece.append(after)
    yield piece


def simplified(line: list[Point]) -> list[Point]:
    """The line with fewer points, none of the others further off than the tolerance (Ramer, Douglas and Peucker)."""
    if len(line) < 3:
        return line
    (ax, ay), (bx, by) = line[0], line[-1]
    length = hypot(bx - ax, by - ay)

    def off(point: Point) -> float:
        x, y = point[0] - ax, point[1] - ay
        return hypot(x, y) if length == 0 else abs(x * (by - ay) - y * (bx - ax)) / length

    place = max(range(1, len(line) - 1), key=lambda index: off(line[index]))
    if off(line[place]) <= TOLERANCE:
        return [line[0], line[-1]]
    return simplified(line[: place + 1])[:-1] + simplified(line[place:])


def area(line: list[Point]) -> float:
    """What a closed line surrounds (the shoelace formula)."""
    return abs(sum(ax * by - bx * ay for (ax, ay), (bx, by) in pairwise([*line, line[0]]))) / 2


def path(line: list[Point]) -> str:
    """A closed SVG path, rounded to half a unit, in steps from point to point."""
    points = [(round(x * 2) / 2, round(y * 2) / 2) for x, y in line]
    steps = [(bx - ax, by - ay) for (ax, ay), (bx, by) in pairwise(points)]
    words = [f"{dx:g}{'' if dy < 0 else ' '}{dy:g}" for dx, dy in steps if (dx, dy) != (0, 0)]
    joined = "".join(word if index == 0 or word[0] == "-" else f" {word}" for index, word in enumerate(words))
    return f"M{points[0][0]:g} {points[0][1]:g}l{_ZERO.sub('.', joined)}z"


def draw(topology: dict[str, Any]) -> str:
    """The whole picture."""
    drawn = []
    for ring in rings(topology):
        for piece in pieces(ring):
            if max(latitude for _, latitude in piece) < SOUTH:
                continue
            line = simplified([project(latitude, longitude) for longitude, latitude in piece])
            if len(line) > 2 and area(line) >= SMALLEST:
                drawn.append(path(line))
    land = f'<path id="land" d="{"".join(drawn)}"/>'
    return f'{HEAD}\n<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}">{land}</svg>\n'


if __name__ == "__main__":
    sys.stdout.write(draw(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))))
