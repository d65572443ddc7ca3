"""Badges: a name and a state as a small SVG, for other people's pages. It changes only when the state does."""

from collections.abc import Mapping
from typing import Final
from xml.sax.saxutils import escape

from noc.watch.public.facts import Face

COLOURS: Final[Mapping[Face, str]] = {
    "operational": "#2c7a51",
    "disrupted": "#8a5a00",
    "outage": "#b3261e",
    "maintenance": "#1a5fb0",
    "unknown": "#5b6873",
}
NARROW: Final = frozenset("fijlrt.-")
WIDE: Final = frozenset("mwMW")


def badge(name: str, state: str, face: Face) -> str:
    """A badge of 20 px height; its words are also its title, for who does not see it."""
    left, right = _width(name) + 14, _width(state) + 14
    said = escape(f"{name}: {state}")
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + right}" height="20" role="img" aria-label="{said}">'
        f"<title>{said}</title>"
        f'<rect width="{left}" height="20" fill="#37424c"/>'
        f'<rect x="{left}" width="{right}" height="20" fill="{COLOURS[face]}"/>'
        '<g fill="#fff" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11" text-anchor="middle">'
        f'<text x="{left / 2:g}" y="14">{escape(name)}</text>'
        f'<text x="{left + right / 2:g}" y="14">{escape(state)}</text></g></svg>\n'
    )


def _width(text: str) -> int:
    """About what a text of 11 px takes, in px."""
    return round(sum(4.2 if letter in NARROW else 10.5 if letter in WIDE else 7.1 for letter in text))
