"""`noc terminate`: end nodes' machines, and give back what the cloud holds for them."""

from typing import Annotated, Any

import typer

from noc.cli.completion import node_names
from noc.cli.confirming import YesOption, confirm
from noc.cli.options import JsonOption, PlanOption, WaitOption

app = typer.Typer(add_completion=False)


@app.command()
def terminate(
    nodes: Annotated[list[str], typer.Argument(metavar="NODE...", autocompletion=node_names)],
    *,
    yes: YesOption = "",
    force: Annotated[bool, typer.Option("--force", help="A node that is live as well.")] = False,
    only_plan: PlanOption = False,
    wait_s: WaitOption = 0,
    as_json: JsonOption = False,
) -> None:
    """End nodes' machines, their disks with all data on them, and give back address and security group.

    The nodes become planned again; a node that serves leaves by noc remove. What is to be ended has to be typed, or
    given with --yes. A live node is refused without --force.
    """
    from noc.cli.following import execute  # noqa: PLC0415 - help stays light

    request: dict[str, Any] = {"action": "terminate", "nodes": nodes, "options": {"force": force}}
    if not only_plan:
        confirm(nodes, yes, "Their machines and all data on them end")
    execute(request, only_plan=only_plan, as_json=as_json, wait_s=wait_s)
