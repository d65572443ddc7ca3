"""`noc rollback`: return nodes to what they ran well before."""

from typing import Annotated, Any

import typer

from noc.cli.completion import node_names_or
from noc.cli.options import BatchOption, JsonOption, PlanOption, WaitOption, WavesOption

app = typer.Typer(add_completion=False)


@app.command()
def rollback(
    nodes: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[all|NODE...]", help="Nodes; left out, all of them.", autocompletion=node_names_or("all")
        ),
    ] = None,
    *,
    restore_data: Annotated[
        bool,
        typer.Option(
            "--restore-data",
            help="Put each node's database back as it was when the node left that release; --plan names what is lost.",
        ),
    ] = False,
    batch: BatchOption = None,
    waves: WavesOption = None,
    wait_s: WaitOption = 0,
    only_plan: PlanOption = False,
    as_json: JsonOption = False,
) -> None:
    """Return nodes to the release that each of them ran well before, one proven node after the other.

    Each node goes back to what it ran before: of the builds below its own, the one that it has itself proven healthy
    last. It never goes forward. One that has none is left as it is, and the others go back all the same; the command
    then returns 3.

    It may begin in a freeze. It goes the way of a deployment: the node turns around by itself when HQ falls silent, and
    the release has to be proven from both sides. Ctrl-C finishes the node in hand, and begins no other.
    """
    from noc.cli.following import execute  # noqa: PLC0415 - help stays light

    said = {"batch": batch, "waves": waves}
    request: dict[str, Any] = {
        "action": "rollback",
        "nodes": nodes or ["all"],
        "rules": {name: value for name, value in said.items() if value is not None},
        "options": {"restore_data": restore_data},
    }
    execute(request, only_plan=only_plan, as_json=as_json, wait_s=wait_s)
