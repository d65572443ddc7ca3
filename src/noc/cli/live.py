"""A run that goes on, as a table that is drawn anew: one row a node, and below it how far the run is."""

from collections.abc import Iterable
from datetime import UTC, datetime

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from noc.cli.output import mark, plain
from noc.runs.admission.clock import lasting
from noc.runs.record.events import Event, State
from noc.runs.runner.view import Outcome, Row, View, advance, footer, in_view

MARKS = {
    State.STARTED: "info",
    State.PROGRESS: "info",
    State.OK: "ok",
    State.FAILED: "fail",
    State.SKIPPED: "pending",
}
_OUTCOMES = {Outcome.WAITING: "pending", Outcome.DONE: "ok", Outcome.FAILED: "fail", Outcome.SKIPPED: "pending"}
_BESIDE_ROWS = 6
"""Lines that are no node: title, heading, what is left out, what was said last, footer, and one that stays free."""
_WIDE, _MIDDLE = 100, 60


def watch_live(events: Iterable[Event]) -> View:
    """Draw a run on the terminal until its records end, and return it as it then is."""
    view = View()
    terminal = Console(stderr=True, highlight=False)  # `err` does not fold lines, which would tear a live table

    def draw() -> Table:
        return table(view, datetime.now(UTC), terminal.width, terminal.height)

    with Live(get_renderable=draw, console=terminal, refresh_per_second=4, transient=True):
        for event in events:
            view = advance(view, event)
    return view


def table(view: View, now: datetime, width: int, height: int) -> Table:
    """A run at one moment, no wider and no higher than the terminal.

    Args:
        view: the run.
        now: the time, UTC.
        width, height: of the terminal, in characters.
    """
    rows, left_out = in_view(view, height - _BESIDE_ROWS)
    drawn = Table(box=None, pad_edge=False, header_style="bold", expand=True, width=width)
    drawn.title, drawn.title_justify = _one_line(f"{view.what}  {view.run}", width), "left"
    below = [f"… and {left_out} more nodes"] if left_out else []
    below += [view.notice] if view.notice else []
    drawn.caption = Text("\n").join(_one_line(text, width) for text in [*below, footer(view, now)])
    drawn.caption_justify = "left"
    headings = _headings(width)
    for heading in headings:
        drawn.add_column(heading, no_wrap=True, overflow="ellipsis", ratio=1 if heading == headings[-1] else None)
    for name, row in rows:
        cells = _cells(name, row, now)
        drawn.add_row(*(cells[heading] for heading in headings))
    return drawn


def _headings(width: int) -> tuple[str, ...]:
    """What there is room for; the last takes what the others leave."""
    if width >= _WIDE:
        return "wave", "node", "state", "step", "elapsed", "from → to", "says"
    return ("node", "state", "step", "elapsed", "says") if width >= _MIDDLE else ("node", "state", "step", "elapsed")


def _cells(name: str, row: Row, now: datetime) -> dict[str, str]:
    in_hand = row.outcome is Outcome.IN_HAND
    since = now - row.since if in_hand and row.since else row.took
    state = mark(MARKS[row.state], row.state.value) if in_hand else mark(_OUTCOMES[row.outcome], row.verdict)
    return {
        "wave": "" if row.wave is None else str(row.wave) if row.wave else "canary",
        "node": name,
        "state": state,
        "step": row.step,
        "elapsed": lasting(since.total_seconds()) if since else "",
        "from → to": plain(f"{row.before or '-'} → {row.target}" if row.target else row.before),
        "says": plain(row.words),
    }


def _one_line(text: str, width: int) -> Text:
    line = Text(text, style="")
    line.truncate(width, overflow="ellipsis")
    return line
