"""`noc prune`: what HQ keeps, and what goes in time."""

from collections.abc import Mapping
from typing import Any

import typer

from noc.cli.options import JsonOption, PlanOption
from noc.cli.output import mark, out, plain, print_json, print_table
from noc.cli.sizes import shown_size
from noc.cli.times import shown

app = typer.Typer(add_completion=False)

NOTHING_TO_DO, WORK = 0, 3
_REASONS = 6
_NAMED = 48
"""Characters of a name: of a release's hash enough, of a backup's node and time all."""


@app.command()
def prune(*, plan_only: PlanOption = False, as_json: JsonOption = False) -> None:
    """Remove runs, releases and backups that [keep] and [backup] in the fleet file do not keep, and nobody needs.

    The runner does so once a day by itself. What a node runs, may return to or is owed, what a plan names, each node's
    newest runs and the journal that the audit is held against stay however old they are; the audit always does.
    """
    from noc.runs.runner.client import Client  # noqa: PLC0415 - help stays light

    found = Client().ask("prune", look=plan_only)
    if as_json:
        print_json(found)
    else:
        _show(found, done=not plan_only)
    if plan_only:
        raise typer.Exit(WORK if found["goes"] else NOTHING_TO_DO)


def _show(found: Mapping[str, Any], *, done: bool) -> None:
    goes = found["goes"]
    if goes:
        rows = [(each["kind"], each["name"][:_NAMED], shown(each["at"]), shown_size(each["bytes"])) for each in goes]
        print_table(("gone" if done else "goes", "name", "from", "size"), rows)
    for kind, stays in found["stays"].items():
        why = ", ".join(f"{reason} ({count})" for reason, count in list(stays["why"].items())[:_REASONS])
        out.print(plain(f"{kind}s: {stays['count']} stay, {shown_size(stays['bytes'])}{f': {why}' if why else ''}"))
    size = shown_size(sum(each["bytes"] for each in goes))
    words = f"{len(goes)} {'went' if done else 'would go'}, {size}" if goes else "nothing is to go"
    out.print(mark("ok" if done or not goes else "info", words))
