"""`noc remove`: a node leaves, without anybody being cut off."""

from typing import Annotated, Any

import typer

from noc.cli.completion import node_names
from noc.cli.confirming import YesOption, confirm
from noc.cli.options import JsonOption, PlanOption, WaitOption

app = typer.Typer(add_completion=False)


@app.command()
def remove(
    nodes: Annotated[list[str], typer.Argument(metavar="NODE...", autocompletion=node_names)],
    *,
    yes: YesOption = "",
    at_once: Annotated[bool, typer.Option("--now", help="Do not wait until its name is forgotten everywhere.")] = False,
    gone: Annotated[bool, typer.Option("--gone", help="The machine is no more: nothing is asked of it.")] = False,
    without_backup: Annotated[bool, typer.Option("--without-backup", help="Its data is not needed.")] = False,
    retire: Annotated[bool, typer.Option("--retire", help="The node gets no other machine: it is retired.")] = False,
    only_plan: PlanOption = False,
    wait_s: WaitOption = 0,
    as_json: JsonOption = False,
) -> None:
    """Let nodes go: name, last backup, monitors, machine, keys, in this order.

    A node serves on until no cache can hold its name. Its history stays; a node that is provisioned again under the
    name begins as a new one. Given again, the command goes on where it was cut.
    """
    from noc.cli.following import execute  # noqa: PLC0415 - help stays light

    options = {"at_once": at_once, "gone": gone, "without_backup": without_backup, "retire": retire}
    request: dict[str, Any] = {"action": "remove", "nodes": nodes, "options": options}
    if not only_plan:
        confirm(nodes, yes, "They leave the fleet, with their machines or all that is ours on them")
    execute(request, only_plan=only_plan, as_json=as_json, wait_s=wait_s)
