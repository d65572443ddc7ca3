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
err = Console(stderr=True, highlight=False)

GLYPHS = {
    "ok": ("✓", "green"),
    "warn": ("!", "yellow"),
    "fail": ("✗", "red"),
    "pending": ("·", "dim"),
    "info": ("→", "cyan"),
}


def mark(kind: str, word: str) -> str:
    """A state as glyph, word and colour, so that no meaning hangs on colour alone.

    Args:
        kind: one of ok, warn, fail, pending, info.
        word: the state's own word.
    """
    glyph, colour = GLYPHS[kind]
    return f"[{colour}]{glyph} {word}[/{colour}]"


def print_json(document: Any) -> None:  # noqa: ANN401 - any JSON document
    """Write exactly one JSON document to stdout, whatever the terminal."""
    sys.stdout.write(json.dumps(document, indent=2, ensure_ascii=False, default=str) + "\n")


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]], *, title: str | None = None) -> None:
    """Write a plain table to stdout: one line a row, however narrow the terminal, no frame."""
    table = Table(*columns, title=title, title_justify="left", box=None, pad_edge=False, header_style="bold")
    for row in rows:
        table.add_row(*row)
    width = Measurement.get(out, out.options.update(max_width=1000), table).maximum
    Console(highlight=False, width=max(out.width, width)).print(table)


def show_error(error: NocError) -> None:
    """Write an error to stderr; with --json among the arguments, as JSON on stdout as well."""
    if "--json" in sys.argv:
        print_json({"error": error.as_dict()})
    err.print(f"[red]✗[/red] {escape(str(error))}", markup=True, soft_wrap=True)
