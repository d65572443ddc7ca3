"""What every page shares: templates, static files, the fleet's clock."""

import hashlib
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from noc.fleet.model import Fleet
from noc.watch.clock import Moment, local, span
from noc.watch.pages.sentences import sentence

HERE: Final = Path(__file__).parent
GLYPHS: Final = {
    "down": "✗",
    "unheard": "?",
    "late": "!",
    "up": "✓",
    "pending": "·",
    "SEV1": "✗",
    "SEV2": "!",
    "waiting": "·",
    "in-hand": "→",
    "done": "✓",
    "failed": "✗",
    "skipped": "·",
    "change": "→",
    "unchanged": "✓",
    "blocked": "✗",
}
"""One sign a state, beside its colour and its word."""

HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
"""On every page: nothing from elsewhere, nobody's frame, no copy kept."""


def static_files() -> dict[str, bytes]:
    """The pages' own style, script and pictures, by name."""
    return {path.name: path.read_bytes() for path in sorted((HERE / "static").iterdir())}


def fingerprint(files: Mapping[str, bytes]) -> str:
    """A short name for exactly these files, so that browsers may keep them for long."""
    return hashlib.sha256(b"".join(files.values())).hexdigest()[:12]


class Look:
    """Renders templates; whatever a node or a person wrote is text in them.

    Attributes:
        files: the static files by name.
    """

    def __init__(self, fleet: Callable[[], Fleet]) -> None:
        """Read templates and files; `fleet` is the fleet file as it stands."""
        self._fleet = fleet
        self.files = static_files()
        self._jinja = Environment(
            loader=FileSystemLoader(HERE / "templates"), autoescape=True, undefined=StrictUndefined, auto_reload=False
        )
        self._jinja.globals.update(
            glyphs=GLYPHS,
            version=fingerprint(self.files),
            clock=self.clock,
            day=self.day,
            span=span,
            sentence=sentence,
            wall_of=lambda at: round(at.timestamp() * 1000),
        )

    def render(self, template: str, moment: Moment, **values: Any) -> str:  # noqa: ANN401 - what the template names
        """A template as it looks at a moment."""
        return self._jinja.get_template(template).render(
            values,
            now=moment,
            fleet=self._fleet(),
            age=lambda at: span(moment.wall - at),
            left=lambda at: span(at - moment.wall),
        )

    def clock(self, at: int) -> str:
        """A time (ms) on the fleet's clock, UTC beside it."""
        return local(at, self._fleet().timezone)

    def day(self, at: int) -> str:
        """A time (ms) on the fleet's clock with its day: `2026-03-01 14:03:22`."""
        return f"{datetime.fromtimestamp(at / 1000, ZoneInfo(self._fleet().timezone)):%Y-%m-%d %H:%M:%S}"
