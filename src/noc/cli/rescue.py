"""`noc rescue`: a node whose tunnel is dead comes back without its console."""

from typing import Annotated

import typer

from noc.cli.completion import node_names
from noc.cli.options import JsonOption

app = typer.Typer(add_completion=False)


@app.command()
def rescue(
    nodes: Annotated[
        list[str], typer.Argument(metavar="NODE...", help="Nodes of the fleet file.", autocompletion=node_names)
    ],
    *,
    only_plan: Annotated[bool, typer.Option("--plan", help="Say what is known, and change nothing.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Bring a node back whose tunnel is dead, without its console.

    Two keys turn one lock: the node lets HQ in at 22 once it has heard nothing of it for long, and the cloud's security
    group does while this command holds the rule. Then HQ's key and endpoint are put right on the node, which goes back
    by itself unless a handshake follows; and the rule is withdrawn, whatever came of it.
    """
    from noc.cli.following import execute  # noqa: PLC0415 - help stays light

    execute({"action": "rescue", "nodes": nodes}, only_plan=only_plan, as_json=as_json)
