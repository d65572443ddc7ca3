"""`noc move`: a node's machine has another public address."""

from typing import Annotated

import typer

from noc.cli.completion import node_names
from noc.cli.options import JsonOption

app = typer.Typer(add_completion=False)


@app.command()
def move(
    node: Annotated[str, typer.Argument(metavar="NODE", help="A node.", autocompletion=node_names)],
    *,
    ip: Annotated[str, typer.Option("--ip", help="Its new public address.")],
    only_plan: Annotated[
        bool, typer.Option("--plan", help="Say what would be written down, and change nothing.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Write down that a node's machine has another public address, once that is proven.

    For an elastic address that was moved, or the same disk in a machine elsewhere: the process that pushes through the
    tunnel must answer there, under the node's own certificate. Another machine is made a node by noc provision.
    """
    from noc.cli.following import execute  # noqa: PLC0415 - help stays light

    request = {"action": "move", "nodes": [node], "options": {"address": {node: ip}}}
    execute(request, only_plan=only_plan, as_json=as_json)
