"""`noc logs`: the journals of several nodes as one."""

import json
import os
import sys
from datetime import datetime
from typing import Annotated, Any

import typer

from noc.cli.colours import Columns
from noc.cli.completion import node_names_or, units
from noc.cli.options import JsonOption
from noc.cli.output import err, mark, plain
from noc.cli.times import fleet_clock, moment
from noc.errors import NocError

app = typer.Typer(add_completion=False)

_WORST, _BAD = 3, 4


@app.command()
def logs(
    nodes: Annotated[
        list[str], typer.Argument(metavar="NODE...|all", help="Whose.", autocompletion=node_names_or("all"))
    ],
    *,
    unit: Annotated[
        list[str] | None,
        typer.Option("-u", "--unit", metavar="UNIT", help="A unit, or a pattern. Default: ours.", autocompletion=units),
    ] = None,
    follow: Annotated[bool, typer.Option("-f", "--follow", help="Show what comes, until Ctrl-C.")] = False,
    since: Annotated[
        str | None, typer.Option("--since", metavar="TIME", help="10m, 'today 14:30', or 2026-03-01T13:00Z.")
    ] = None,
    until: Annotated[str | None, typer.Option("--until", metavar="TIME", help="As --since.")] = None,
    lines: Annotated[
        int | None, typer.Option("-n", "--lines", metavar="N", min=0, max=1000, help="The newest N of each node.")
    ] = None,
    grep: Annotated[str, typer.Option("-g", "--grep", metavar="RE", help="Those that match (PCRE2).")] = "",
    as_json: JsonOption = False,
) -> None:
    """Show the logs of nodes as one, by time: by default the last 100 of each node's units of ours.

    A node that cannot be heard is named on stderr, and the others go on; one that is followed is tried again. Secrets
    are struck out. With --json and --follow each entry is one JSON document on a line.

    Returns 0, 3 if some of the nodes could not be heard, 1 if none could.
    """
    from noc.runs.runner.client import Client  # noqa: PLC0415 - help stays light

    wish: dict[str, Any] = {
        "units": unit,
        "since": _seconds(since),
        "until": _seconds(until),
        "lines": lines,
        "grep": grep,
    }
    silent: set[str] = set()
    with Client().talk("logs", nodes=nodes, follow=follow, **wish) as talk:
        asked = (talk.answer() or {})["nodes"]
        page = _Lines(asked) if not as_json else _Stream() if follow else _Document()
        try:
            for answer in talk.answers("end"):
                if "entry" in answer:
                    page.entry(answer["entry"])
                elif "silent" in answer:
                    silent.add(answer["silent"]["node"])
                    err.print(f"{mark('fail', answer['silent']['node'])}: {plain(answer['silent']['why'])}")
                elif "back" in answer:
                    silent.discard(answer["back"])
                    err.print(mark("ok", f"{answer['back']}: heard again"))
            page.end(sorted(silent))
        except NocError as error:
            if not isinstance(page, _Document):
                raise
            page.end(sorted(silent), error)
            raise typer.Exit(error.exit_code) from error
        except BrokenPipeError:
            # Who reads has seen enough; Python would complain of it once more when it closes the stream.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    if silent:
        raise typer.Exit(1 if silent >= set(asked) else 3)


def _seconds(text: str | None) -> float | None:
    """Unix seconds of a time that a person typed; a span alone is one before now."""
    if text is not None and text[:1].isdigit() and text[-1] in "mhdwy":
        text = f"{text} ago"
    at = moment(text)
    return datetime.fromisoformat(at).timestamp() if at else None


class _Lines:
    """Entries for people: time on the fleet's clock, node, unit, words."""

    def __init__(self, nodes: list[str]) -> None:
        self._columns, self._zone = Columns(nodes, sys.stdout), fleet_clock()
        err.print(f"times are those of {datetime.now(self._zone):%Z (UTC%z)}", style="dim")

    def entry(self, entry: dict[str, Any]) -> None:
        at = datetime.fromtimestamp(entry["at_us"] / 1e6, self._zone)
        when = f"{at:%m-%d %H:%M:%S}.{at.microsecond // 1000:03}"
        colour = "red" if entry["priority"] <= _WORST else "yellow" if entry["priority"] == _BAD else ""
        words = self._columns.coloured(entry["message"], colour)
        unit = self._columns.coloured(entry["unit"].removesuffix(".service"), "dim")
        sys.stdout.write(f"{when}  {self._columns.name(entry['node'])}  {unit}  {words}\n")
        sys.stdout.flush()

    def end(self, silent: list[str]) -> None:
        """Nothing is left open."""


class _Stream:
    """Entries for programs, one document on a line."""

    def entry(self, entry: dict[str, Any]) -> None:
        sys.stdout.write(json.dumps(entry, ensure_ascii=False) + "\n")
        sys.stdout.flush()

    def end(self, silent: list[str]) -> None:
        """Nothing is left open."""


class _Document:
    """Entries for programs, as one document that is written as it comes: it may be larger than memory."""

    def __init__(self) -> None:
        self._between = '{"entries": [\n'

    def entry(self, entry: dict[str, Any]) -> None:
        sys.stdout.write(self._between + json.dumps(entry, ensure_ascii=False))
        self._between = ",\n"

    def end(self, silent: list[str], error: NocError | None = None) -> None:
        head = "" if self._between.startswith(",") else self._between
        cause = f', "error": {json.dumps(error.as_dict())}' if error else ""
        sys.stdout.write(f'{head}\n], "silent": {json.dumps(silent)}{cause}}}\n')
