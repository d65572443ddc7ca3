"""`noc audit`: who did what, over all runs."""

import json
import os
import re
import sys
import time
from collections.abc import Iterator
from typing import Annotated, Any

import typer

from noc.cli.options import JsonOption
from noc.cli.output import err, mark, out, plain, print_json
from noc.cli.times import shown
from noc.errors import Usage

app = typer.Typer(add_completion=False, invoke_without_command=True)

_EVERY_S = 0.5
_DIGITS = 12
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
def verify(
    *,
    head: Annotated[
        list[str] | None,
        typer.Option("--head", metavar="SEQ:HASH", help="An entry as a briefing told it; may be given again."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Verify that the audit is whole: its chain, and that nobody knows of an entry that is not there.

    It is held against what runs have noted in their journals, against what the job audit-head has noted in the second
    place where root asks, and against entries that are given. Returns 1 where it does not hold, 3 where the second
    place could not be looked at.
    """
    from noc.runs.runner.client import Client  # noqa: PLC0415 - help stays light

    noted, trouble = _second_place()
    heads = [*(_given(each) for each in head or ()), *noted]
    found = Client().ask("audit", verify=True, heads=heads)
    last, problems = found["last"], found["problems"]
    if as_json:
        print_json({**found, "held_against": len(heads), "second_place": trouble or "ok"})
    else:
        if trouble:
            err.print(mark("warn", trouble))
        for problem in problems:
            err.print(f"{mark('fail', '')}{plain(problem)}", soft_wrap=True)
        state = mark("fail", "broken") if problems else mark("ok", "whole")
        out.print(f"{state}  {last['seq']} entries, the last is {last['hash']}")
    if problems or trouble:
        raise typer.Exit(1 if problems else 3)


def _given(text: str) -> list[object]:
    seq, _, sha256 = text.partition(":")
    if not (seq.isdecimal() and len(seq) < _DIGITS and re.fullmatch(r"[0-9a-f]{64}", sha256)):
        raise Usage(f"{text[:100]!r} is no entry of the audit", fix="--head NUMBER:HASH, as a briefing told it")
    return [int(seq), sha256, "your note"]


def _second_place() -> tuple[list[list[object]], str]:
    """What was noted in the second place, and why it could not be looked at, "" where it was, or need not be."""
    from noc.fleet.load import load  # noqa: PLC0415
    from noc.hub.audithead import noted  # noqa: PLC0415
    from noc.hub.errors import SecondAbsent  # noqa: PLC0415
    from noc.hub.places import CREDENTIALS, SECOND_KEY  # noqa: PLC0415
    from noc.hub.second_opening import opened  # noqa: PLC0415
    from noc.runs.paths import Paths  # noqa: PLC0415

    if os.geteuid() != 0:
        return [], ""
    fleet = load(Paths.from_environment().fleet)
    if fleet.backup.second is None:
        return [], ""
    try:
        with opened(fleet.backup.second, CREDENTIALS / SECOND_KEY) as place:
            return [[each.seq, each.hash, each.source] for each in noted(place, fleet.hub.name)], ""
    except SecondAbsent as absent:
        return [], str(absent)


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
    parts = (shown(entry["at"]), f"#{number}", mark(kind, word), plain(entry["what"]), f"by {plain(_by(entry))}")
    out.print("  ".join((*parts, *_cause(entry))), soft_wrap=True)


def _by(entry: dict[str, Any]) -> str:
    """Who asked for it, and by which chat or page: `mia (telegram 4711)`."""
    channel = entry["detail"].get("channel")
    where = " ".join(map(str, filter(None, (channel, entry["detail"].get("id")))))
    return f"{entry['by']} ({where})" if channel else str(entry["by"])


def _cause(entry: dict[str, Any]) -> list[str]:
    error = entry["detail"].get("error")
    return [plain(error["what"] if isinstance(error, dict) else str(error))] if error else []
