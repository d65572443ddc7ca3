"""`noc restore`: a node's data as they were at a time."""

from typing import Annotated

import typer

from noc.cli.completion import node_names
from noc.cli.options import JsonOption, OverrideOption, PlanOption, WaitOption

app = typer.Typer(add_completion=False)


@app.command()
def restore(
    node: Annotated[str, typer.Argument(metavar="NODE", help="A node that runs.", autocompletion=node_names)],
    *,
    at: Annotated[
        str,
        typer.Option(
            "--at",
            metavar="TIME",
            help="The newest backup until then: ISO 8601 with zone, '2h ago', 'yesterday 18:00', 'now'.",
        ),
    ],
    override_freeze: OverrideOption = "",
    wait_s: WaitOption = 0,
    only_plan: PlanOption = False,
    as_json: JsonOption = False,
) -> None:
    """Give a node the data of its newest backup until a time; what it has written since is lost, and named.

    HQ has to be able to open the backup: noc backup request | noc unlock | noc backup unseal. It is put together and
    proven in HQ's memory before the node is touched. The node then puts it in place with its service stopped, starts
    it, and HQ proves it like a release; one that does not come up well turns itself back to the data from before. They
    stay on the node as a snapshot.
    """
    from noc.cli.following import execute  # noqa: PLC0415 - help stays light
    from noc.cli.times import moment  # noqa: PLC0415

    options = {"at": moment(at), "override_freeze": override_freeze}
    request = {"action": "restore", "nodes": [node], "options": options}
    execute(request, only_plan=only_plan, as_json=as_json, wait_s=wait_s)
