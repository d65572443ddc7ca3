"""`noc drift`: nodes held against what is rendered for them."""

from typing import Annotated, Any

import typer

from noc.cli.completion import node_names_or
from noc.cli.options import JsonOption
from noc.cli.output import err, mark, out, plain, print_json, print_table

app = typer.Typer(add_completion=False)

_TIMEOUT_S = 180.0
_MARKS = {"same": "ok", "differs": "warn", "unknown": "fail"}


@app.command()
def drift(
    nodes: Annotated[
        list[str] | None,
        typer.Argument(metavar="[NODE...|all]", help="Default: all.", autocompletion=node_names_or("all")),
    ] = None,
    *,
    as_json: JsonOption = False,
) -> None:
    """Name the nodes whose configuration differs from what is rendered, with the paths. Changes nothing.

    Returns 0 if every live node is as rendered, 3 if some differ (noc deploy --config brings them in line), 1 if
    a node could not be looked at. Secrets and what is born on the node are not compared.
    """
    from noc.runs.runner.client import Client  # noqa: PLC0415 - help stays light

    answer = Client().ask("drift", nodes=nodes or ["all"], timeout_s=_TIMEOUT_S)
    print_json(answer) if as_json else _show(answer)
    if status := exit_status(answer):
        raise typer.Exit(status)


def exit_status(answer: dict[str, Any]) -> int:
    """The command's exit status: 1 where a node is unknown, else 3 where one differs, else 0."""
    states = {row["state"] for row in answer["nodes"]}
    return 1 if "unknown" in states else 3 if "differs" in states else 0


def _show(answer: dict[str, Any]) -> None:
    if answer["nodes"]:
        print_table(("node", "configuration", "path"), (line for row in answer["nodes"] for line in _lines(row)))
    for row in answer["nodes"]:
        if row["why"]:
            err.print(f"{mark('fail', row['node'])}  {plain(row['why'])}", soft_wrap=True)
        if row["reboot"]:
            words = f"needs a reboot: {', '.join(row['reboot'])}"
            err.print(f"{mark('warn', row['node'])}  {plain(words)}", soft_wrap=True)
    if answer["pending"]:
        out.print(f"pending: {', '.join(answer['pending'])}")


def _lines(row: dict[str, Any]) -> list[tuple[str, str, str]]:
    """A node's rows: its state with the first path, and one row for each further path."""
    first, *more = row["paths"] or [""]
    return [(row["node"], mark(_MARKS[row["state"]], row["state"]), first), *(("", "", path) for path in more)]
