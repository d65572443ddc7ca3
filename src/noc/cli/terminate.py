"""`noc terminate`: end nodes' machines, and give back what the cloud holds for them."""

import sys
from typing import Annotated, Any

import typer

from noc.cli.completion import node_names
from noc.cli.options import JsonOption, PlanOption, WaitOption
from noc.cli.output import err, plain
from noc.errors import Usage

app = typer.Typer(add_completion=False)


@app.command()
def terminate(
    nodes: Annotated[list[str], typer.Argument(metavar="NODE...", autocompletion=node_names)],
    *,
    yes: Annotated[str, typer.Option("--yes", metavar="NODE,...", help="Confirm by the nodes' names, unasked.")] = "",
    force: Annotated[bool, typer.Option("--force", help="A node that is live as well.")] = False,
    retire: Annotated[bool, typer.Option("--retire", help="The node gets no other machine: it is retired.")] = False,
    only_plan: PlanOption = False,
    wait_s: WaitOption = 0,
    as_json: JsonOption = False,
) -> None:
    """End nodes' machines, their disks with all data on them, and give back address and security group.

    The nodes stay in the fleet file and become planned again, or retired. What is to be ended has to be typed, or given
    with --yes. A live node is refused without --force.
    """
    from noc.cli.following import execute  # noqa: PLC0415 - help stays light

    options = {"force": force, "retire": retire}
    request: dict[str, Any] = {"action": "terminate", "nodes": nodes, "options": options}
    if not only_plan:
        _confirm(nodes, yes)
    execute(request, only_plan=only_plan, as_json=as_json, wait_s=wait_s)


def _confirm(nodes: list[str], yes: str) -> None:
    """Have the names typed. Raises Usage where they are not, or where nobody is there to type them."""
    wanted = ",".join(sorted(set(nodes)))
    if yes:
        typed = ",".join(sorted({name.strip() for name in yes.split(",")}))
    elif sys.stdin.isatty():
        err.print(f"Their machines and all data on them end: {plain(wanted)}. Type the names to go on:")
        typed = ",".join(sorted({name.strip() for name in sys.stdin.readline(4096).split(",")}))
    else:
        raise Usage("an end has to be confirmed", why="nobody is there to ask", fix=f"--yes {wanted}")
    if typed != wanted:
        raise Usage("the names do not agree: nothing was begun", why=f"{wanted} was to be confirmed")
