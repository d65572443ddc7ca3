"""How commands speak: the result on stdout, everything else on stderr."""

import json
import sys
from collections.abc import Iterable, Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.measure import Measurement
from rich.table import Table

from noc.errors import NocError

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)

GLYPHS = {
    "ok": ("✓", "green"),
    "warn": ("!", "yellow"),
    "fail": ("✗", "red"),
    "pending": ("·", "dim"),
    "info": ("→", "cyan"),
}


# What a terminal would obey rather than show, such as the start of an escape sequence: it may come from any machine.
_CONTROLS = {code: "\ufffd" for code in (*range(32), *range(127, 160)) if chr(code) not in "\n\t"}


class Marked(str):
    """Text that carries markup of our own. In a table whatever else stands there is shown as it is."""


def plain(text: str) -> str:
    """Text from elsewhere, to stand among markup: brackets are brackets, and no terminal obeys it."""
    return escape(text.translate(_CONTROLS))


def mark(kind: str, word: str) -> Marked:
    """A state as glyph, word and colour, so that no meaning hangs on colour alone.

    Args:
        kind: one of ok, warn, fail, pending, info.
        word: the state's own word, without markup.
    """
    glyph, colour = GLYPHS[kind]
    return Marked(f"[{colour}]{glyph} {plain(word)}[/{colour}]")


def print_json(document: Any) -> None:  # noqa: ANN401 - any JSON document
    """Write exactly one JSON document to stdout, whatever the terminal."""
    sys.stdout.write(json.dumps(document, indent=2, ensure_ascii=False, default=str) + "\n")


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]], *, title: str | None = None) -> None:
    """Write a plain table to stdout: one line a row, however narrow the terminal, no frame.

    Args:
        columns: headings.
        rows: cells; only what `mark` made may hold markup.
        title: stands above it.
    """
    table = table_of(columns, rows, title=title)
    width = Measurement.get(out, out.options.update(max_width=1000), table).maximum
    Console(highlight=False, width=max(out.width, width)).print(table)


def table_of(columns: Sequence[str], rows: Iterable[Sequence[str]], *, title: str | None = None) -> Table:
    """The same table to stand among other things. Arguments as `print_table`."""
    table = Table(*columns, title=title, title_justify="left", box=None, pad_edge=False, header_style="bold")
    for row in rows:
        table.add_row(*(cell if isinstance(cell, Marked) else plain(cell) for cell in row))
    return table


def show_error_document(error: NocError) -> None:
    """Write an error as JSON to stdout, where --json is among our arguments: what follows `--` is another program's."""
    ours = sys.argv[: sys.argv.index("--")] if "--" in sys.argv else sys.argv
    if "--json" in ours:
        print_json({"error": error.as_dict()})


def show_error(error: NocError) -> None:
    """Write an error to stderr; with --json among the arguments, as JSON on stdout as well."""
    show_error_document(error)
    err.print(f"[red]✗[/red] {plain(str(error))}", markup=True, soft_wrap=True)
