"""`noc launch`: make machines for nodes at their cloud."""

from typing import Annotated

import typer

from noc.cli.completion import node_names_or
from noc.cli.options import JsonOption, PlanOption, WaitOption
from noc.errors import Usage

app = typer.Typer(add_completion=False)


@app.command()
def launch(
    nodes: Annotated[
        list[str] | None,
        typer.Argument(metavar="NODE...", help="Nodes of the fleet file, or all.", autocompletion=node_names_or("all")),
    ] = None,
    *,
    batch: Annotated[
        int | None, typer.Option("--batch", metavar="N", min=0, help="Every node of this batch that is not left out.")
    ] = None,
    only_plan: PlanOption = False,
    wait_s: WaitOption = 0,
    as_json: JsonOption = False,
) -> None:
    """Make machines for nodes at their cloud, as the fleet file says; noc provision then turns them into live nodes.

    Everything is looked for by the node's tags before it is made: given again, the command goes on where it stopped,
    and makes nothing twice. The host key that a machine will show is drawn on HQ and written down before the machine
    is asked for; its private half is handed to the machine and kept nowhere.
    """
    from noc.cli.following import execute  # noqa: PLC0415 - help stays light

    if bool(nodes) == (batch is not None):
        raise Usage("name nodes, or give --batch", fix="noc launch frankfurt, noc launch --batch 1")
    request = {"action": "launch", "nodes": nodes or ["all"], "batch": batch}
    execute(request, only_plan=only_plan, as_json=as_json, wait_s=wait_s)
