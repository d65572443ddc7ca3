"""`noc reach`: every path of one node, explained."""

from typing import Annotated, Any

import typer

from noc.cli.completion import node_names
from noc.cli.options import JsonOption
from noc.cli.output import err, mark, out, plain, print_json, print_table

app = typer.Typer(add_completion=False)

_TIMEOUT_S = 60.0
_MARKS = {"ok": "ok", "failed": "fail", "not run": "warn"}


@app.command()
def reach(
    node: Annotated[str, typer.Argument(metavar="NODE", help="Whose paths.", autocompletion=node_names)],
    *,
    as_json: JsonOption = False,
) -> None:
    """Go every path between HQ, a node and the world, and say what it means when one fails. Changes nothing.

    Returns 0 if all of them carry, 1 if one does not.
    """
    from noc.runs.runner.client import Client  # noqa: PLC0415 - help stays light

    err.print(f"going every path of {plain(node)}", style="dim")
    answer = Client().ask("reach", node=node, timeout_s=_TIMEOUT_S)
    print_json(answer) if as_json else _show(answer)
    if not answer["well"]:
        raise typer.Exit(1)


def _show(answer: dict[str, Any]) -> None:
    rows = answer["paths"]
    print_table(
        ("path", "from", "to", "state", "ms", "what was found"),
        [
            (
                row["path"],
                row["from"],
                row["to"],
                mark(_MARKS[row["state"]], row["state"]),
                _ms(row["ms"]),
                row["words"],
            )
            for row in rows
        ],
    )
    for row in rows:
        if row["state"] != "ok":
            out.print(f"{mark(_MARKS[row['state']], row['path'])}: {plain(row['means'])}")


def _ms(ms: float | None) -> str:
    return "" if ms is None else f"{ms:.1f}"
