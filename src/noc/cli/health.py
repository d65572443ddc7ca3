"""`noc health`: nodes seen from HQ."""

from typing import Annotated, Any

import typer

from noc.cli.completion import node_names_or
from noc.cli.options import JsonOption
from noc.cli.output import mark, out, print_json, print_table

app = typer.Typer(add_completion=False)

_TIMEOUT_S = 60.0
_MARKS = {"ok": "ok", "failed": "fail", "not run": "warn"}


@app.command()
def health(
    nodes: Annotated[
        list[str] | None,
        typer.Argument(metavar="[NODE...|all]", help="Default: all.", autocompletion=node_names_or("all")),
    ] = None,
    *,
    as_json: JsonOption = False,
) -> None:
    """Check nodes from HQ: tunnel, HTTPS, certificate, ports, heartbeat, telemetry.

    Returns 0 only if every check of every live node ran and passed. Nodes that are not live yet are pending.
    """
    from noc.runs.runner.client import Client  # noqa: PLC0415 - help stays light

    answer = Client().ask("health", nodes=nodes or ["all"], timeout_s=_TIMEOUT_S)
    print_json(answer) if as_json else _show(answer)
    if not all(row["healthy"] for row in answer["nodes"]):
        raise typer.Exit(1)


def _show(answer: dict[str, Any]) -> None:
    names = [check["name"] for check in answer["nodes"][0]["checks"]] if answer["nodes"] else []
    rows = [
        (row["node"], *(mark(_MARKS[check["state"]], _cell(check)) for check in row["checks"]))
        for row in answer["nodes"]
    ]
    if rows:
        print_table(("node", *names), rows)
    if answer["pending"]:
        out.print(f"pending: {', '.join(answer['pending'])}")
    out.print(f"ports tried from HQ (TCP): {', '.join(map(str, answer['ports']))}")


def _cell(check: dict[str, str]) -> str:
    return f"not run: {check['words']}" if check["state"] == "not run" else check["words"]
