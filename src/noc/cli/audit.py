"""`noc audit`: who did what, over all runs."""

import json
import sys
import time
from collections.abc import Iterator
from typing import Annotated, Any

import typer

from noc.cli.options import JsonOption
from noc.cli.output import err, mark, out, plain, print_json
from noc.cli.times import shown

app = typer.Typer(add_completion=False, invoke_without_command=True)

_EVERY_S = 0.5
_MARKS = {"intent": ("info", "begins"), "refusal": ("warn", "refused")}


@app.callback()
def audit(
    context: typer.Context,
    *,
    limit: Annotated[int, typer.Option("-n", "--limit", min=1, max=200, help="How many entries.")] = 50,
    after: Annotated[int | None, typer.Option("--after", metavar="N", min=0, help="Those that follow entry N.")] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Show what comes, until Ctrl-C.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Show who did what, over all runs: what was about to be done, what came of it, and what was refused.

    With --json and --follow each entry is one JSON document on a line.
    """
    if context.invoked_subcommand is not None:
        return
    if follow:
        for entry in _coming(after, limit):
            _print(entry, as_json=as_json)
    else:
        _list(after, limit, as_json=as_json)


@app.command()
def verify(*, as_json: JsonOption = False) -> None:
    """Verify that the audit is whole: its chain, and that no run knows of an entry that is not there.

    The place of the last entry is printed. Noted elsewhere, it tells later whether what lies before it was changed.
    """
    from noc.runs.runner.client import Client  # noqa: PLC0415 - help stays light

    found = Client().ask("audit", verify=True)
    last, problems = found["last"], found["problems"]
    if as_json:
        print_json(found)
    else:
        for problem in problems:
            err.print(f"{mark('fail', '')}{plain(problem)}", soft_wrap=True)
        state = mark("fail", "broken") if problems else mark("ok", "whole")
        out.print(f"{state}  {last['seq']} entries, the last is {last['hash']}")
    if problems:
        raise typer.Exit(1)


def _list(after: int | None, limit: int, *, as_json: bool) -> None:
    entries = _ask(after, limit)
    if as_json:
        print_json({"entries": entries})
        return
    for entry in entries:
        _print(entry, as_json=False)


def _coming(after: int | None, limit: int) -> Iterator[dict[str, Any]]:
    """Entries that are there, then those that come."""
    while True:
        entries = _ask(after, limit)
        yield from entries
        after = entries[-1]["seq"] if entries else after or 0
        if not entries:
            time.sleep(_EVERY_S)


def _ask(after: int | None, limit: int) -> list[dict[str, Any]]:
    from noc.runs.runner.client import Client  # noqa: PLC0415

    entries: list[dict[str, Any]] = Client().ask("audit", after=after, limit=limit)["entries"]
    return entries


def _print(entry: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        sys.stdout.write(json.dumps(entry, ensure_ascii=False) + "\n")
        sys.stdout.flush()
        return
    kind, word = _MARKS.get(entry["kind"]) or ("ok" if entry["result"] == "ok" else "fail", entry["result"])
    number = f"{entry['of']}" if entry["of"] else f"{entry['seq']}"
    parts = (shown(entry["at"]), f"#{number}", mark(kind, word), plain(entry["what"]), f"by {plain(entry['by'])}")
    out.print("  ".join((*parts, *_cause(entry))), soft_wrap=True)


def _cause(entry: dict[str, Any]) -> list[str]:
    error = entry["detail"].get("error")
    return [plain(error["what"] if isinstance(error, dict) else str(error))] if error else []
