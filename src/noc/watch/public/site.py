"""The public files of one moment: page, state, feeds, badges. Pure: facts in, bytes out."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined

from noc.watch.api.availability import Day
from noc.watch.clock import iso
from noc.watch.public import words
from noc.watch.public.badges import badge
from noc.watch.public.facts import Facts, NodeFacts
from noc.watch.public.feeds import json_feed, rss

STATIC: Final = ("status.css", "status.js")
BAR_WIDTH: Final = 4
BAR_HEIGHT: Final = 22
WELL: Final = 0.9999
"""A share of a day from which on it is drawn as whole: less than nine seconds were lost."""


@dataclass(frozen=True, slots=True)
class Bars:
    """A node's days as one path for each kind of day: `good`, `part` (some of it lost), `bad` (a tenth), `none`."""

    paths: Mapping[str, str]
    words: str


def site(facts: Facts) -> dict[str, bytes]:
    """Every public file by its name."""
    texts = {
        "index.html": _environment().get_template("status.html").render(**_view(facts)),
        "status.json": json.dumps(state_document(facts), ensure_ascii=False, separators=(",", ":")),
        "feed.json": json.dumps(json_feed(facts), ensure_ascii=False, indent=1),
        "feed.xml": rss(facts),
        "badge/fleet.svg": badge(facts.fleet, words.NODE[facts.face], facts.face),
        **{f"badge/{node.name}.svg": badge(node.name, words.NODE[node.face], node.face) for node in facts.nodes},
    }
    return {name: text.encode() for name, text in texts.items()} | _static()


def state_document(facts: Facts) -> dict[str, Any]:
    """`status.json`: the same for programs. A document that is older than `max_age_s` says nothing any more."""
    return {
        "at": iso(facts.at),
        "valid_until": iso(facts.until),
        "max_age_s": (facts.until - facts.at) // 1000,
        "fleet": facts.fleet,
        "state": facts.face,
        "nodes": [_node_document(node) for node in facts.nodes],
        "incidents": [
            {
                "nodes": list(each.nodes),
                "state": each.face,
                "started_at": iso(each.started),
                "ended_at": None if each.ended is None else iso(each.ended),
            }
            for each in facts.incidents
        ],
        "maintenance": [
            {"nodes": list(each.nodes), "begins_at": iso(each.begins), "ends_at": iso(each.ends)}
            for each in facts.maintenance
        ],
    }


def _node_document(node: NodeFacts) -> dict[str, Any]:
    return {
        "name": node.name,
        "city": node.city,
        "country": node.country,
        "state": node.face,
        "availability": _rounded(node.availability),
        "first_day": node.days[0].date.isoformat() if node.days else None,
        "days": [_rounded(day.availability) for day in node.days],
    }


def bars(days: Sequence[Day]) -> Bars:
    """A node's days as shapes: what was lost makes a bar shorter, so that nothing hangs on colour alone."""
    paths: dict[str, str] = {}
    for place, day in enumerate(days):
        kind, height = _bar(day.availability)
        paths[kind] = paths.get(kind, "") + f"M{place * BAR_WIDTH} {BAR_HEIGHT - height}h3v{height}h-3z"
    lost = sum(_bar(day.availability)[0] in {"part", "bad"} for day in days)
    unknown = sum(day.availability is None for day in days)
    told = [f"{lost} of the last {len(days)} days had an incident" if lost else f"no incident in {len(days)} days"]
    return Bars(paths, "; ".join(told + ([f"{unknown} days not known"] if unknown else [])))


def _bar(availability: float | None) -> tuple[str, int]:
    if availability is None:
        return "none", 3
    if availability >= WELL:
        return "good", BAR_HEIGHT
    return ("part", 15) if availability >= 0.9 else ("bad", 9)


def _view(facts: Facts) -> dict[str, Any]:
    return {
        "facts": facts,
        "words": words,
        "iso": iso,
        "bars": {node.name: bars(node.days) for node in facts.nodes},
        "width": max((len(node.days) for node in facts.nodes), default=0) * BAR_WIDTH,
        "height": BAR_HEIGHT,
        "max_age": (facts.until - facts.at) // 1000,
        "open": [each for each in facts.incidents if each.ended is None],
        "closed": [each for each in facts.incidents if each.ended is not None],
    }


def _rounded(share: float | None) -> float | None:
    return None if share is None else int(share * 100_000) / 100_000


@cache
def _environment() -> Environment:
    loader = PackageLoader("noc.watch.public", "templates")
    return Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)


@cache
def _static() -> dict[str, bytes]:
    folder = files("noc.watch.public").joinpath("static")
    return {name: folder.joinpath(name).read_bytes() for name in STATIC}
