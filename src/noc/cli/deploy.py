"""`noc deploy`: roll a release over the fleet."""

from typing import Annotated

import typer

from noc.cli.completion import node_names_or
from noc.cli.options import JsonOption
from noc.errors import Usage

app = typer.Typer(add_completion=False)


@app.command()
def deploy(
    words: Annotated[
        list[str],
        typer.Argument(
            metavar="all|NODE... RELEASE", help="Nodes, then a version or a hash.", autocompletion=node_names_or("all")
        ),
    ],
    *,
    only_plan: Annotated[bool, typer.Option("--plan", help="Show what would be done, and change nothing.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Roll a release over the fleet, one proven node after the other.

    The release is sent to all nodes at once, then activated on one after the other: each has to show the new version
    in a new process, in public and by its heartbeat, before the next is touched. The first that does not is turned
    back and proven on its old release; the rest stay untouched, and the command returns 1.

    The runner carries it out: Ctrl-C or a closed laptop leave it running.
    """
    from noc.cli.following import execute  # noqa: PLC0415 - help stays light

    if len(words) < 2:
        raise Usage("nodes or the release is missing", fix="noc deploy all 1.4.2")
    execute({"action": "deploy", "nodes": words[:-1], "release": words[-1]}, only_plan=only_plan, as_json=as_json)
