"""`noc deploy`: roll a release, a configuration or both over the fleet."""

from typing import Annotated, Any

import typer

from noc.cli.completion import node_names_or
from noc.cli.options import JsonOption, OverrideOption, PlanOption, RestoreOption, WaitOption
from noc.errors import Usage

app = typer.Typer(add_completion=False)


@app.command()
def deploy(
    words: Annotated[
        list[str],
        typer.Argument(
            metavar="all|NODE... [RELEASE]",
            help="Nodes, then a version or a hash; with --config the release may be left out.",
            autocompletion=node_names_or("all"),
        ),
    ],
    *,
    configuration: Annotated[
        bool, typer.Option("--config", help="Give nodes the configuration that is rendered for them.")
    ] = False,
    canary: Annotated[str | None, typer.Option("--canary", metavar="NODE", help="The node to begin with.")] = None,
    batch: Annotated[
        int | None, typer.Option("--batch", metavar="N", min=1, help="Nodes a wave, after the canary.")
    ] = None,
    max_failures: Annotated[
        int | None, typer.Option("--max-failures", metavar="N", min=0, help="Nodes that may fail before it ends.")
    ] = None,
    on_failure: Annotated[
        str | None,
        typer.Option("--on-failure", metavar="stop|rollback-fleet", help="What becomes of nodes changed already."),
    ] = None,
    down: Annotated[
        str | None, typer.Option("--down", metavar="skip|wait|refuse", help="What is done about a node that is down.")
    ] = None,
    restore_data: RestoreOption = False,
    override_freeze: OverrideOption = "",
    wait_s: WaitOption = 0,
    only_plan: PlanOption = False,
    as_json: JsonOption = False,
) -> None:
    """Roll a release, a configuration or both over the fleet, one proven node after the other.

    All that is needed is sent to all nodes at once, then activated on one after the other, the canary first: each has
    to show the new version in a new, steady process, in public and by its heartbeat, before the next is touched. One
    that does not is turned back and proven on what it ran before, and the command returns 1.

    The runner carries it out: a closed laptop leaves it running. Ctrl-C stops it: a node in hand that is not proven is
    turned back, and no other is begun.
    """
    from noc.cli.following import execute  # noqa: PLC0415 - help stays light

    if len(words) < 2 and not configuration:
        raise Usage("nodes or the release is missing", fix="noc deploy all 1.4.2")
    said = {"batch": batch, "max_failures": max_failures, "on_failure": on_failure, "down": down}
    request: dict[str, Any] = {
        "action": "deploy",
        "words": words,
        "configuration": configuration,
        "canary": canary,
        "rules": {name: value for name, value in said.items() if value is not None},
        "options": {"restore_data": restore_data, "override_freeze": override_freeze},
    }
    execute(request, only_plan=only_plan, as_json=as_json, wait_s=wait_s)
