"""`noc deploy`: roll a release, a configuration, the weekly system, or several of them over the fleet."""

from typing import Annotated, Any

import typer

from noc.cli.completion import node_names_or
from noc.cli.options import (
    BatchOption,
    CanaryOption,
    ConfigOption,
    DownOption,
    FailuresOption,
    JsonOption,
    OnFailureOption,
    OverrideOption,
    PlanOption,
    RestoreOption,
    SystemOption,
    WaitOption,
    WavesOption,
)
from noc.errors import Usage

app = typer.Typer(add_completion=False)
Words = Annotated[
    list[str],
    typer.Argument(
        metavar="all|NODE... [RELEASE]",
        help="Nodes, then a version or a hash; with --config or --system the release may be left out.",
        autocompletion=node_names_or("all"),
    ),
]


@app.command()
def deploy(
    words: Words,
    *,
    configuration: ConfigOption = False,
    system: SystemOption = False,
    canary: CanaryOption = None,
    batch: BatchOption = None,
    waves: WavesOption = None,
    max_failures: FailuresOption = None,
    on_failure: OnFailureOption = None,
    down: DownOption = None,
    restore_data: RestoreOption = False,
    override_freeze: OverrideOption = "",
    wait_s: WaitOption = 0,
    only_plan: PlanOption = False,
    as_json: JsonOption = False,
) -> None:
    """Roll a release, a configuration, the weekly system, or several of them over the fleet, node after proven node.

    All that is needed is brought to all nodes at once, then activated on one after the other, the canary first: each
    has to show the expected version in a new, steady process, in public and by its heartbeat, before the next is
    touched. One that does not is turned back and proven on what it had before, and the command returns 1.

    The runner carries it out: a closed laptop leaves it running. Ctrl-C stops it: a node in hand that is not proven is
    turned back, and no other is begun.
    """
    from noc.cli.following import execute  # noqa: PLC0415 - help stays light

    if len(words) < 2 and not (configuration or system):
        raise Usage("nodes or the release is missing", fix="noc deploy all 1.4.2")
    said = {"batch": batch, "waves": waves, "max_failures": max_failures, "on_failure": on_failure, "down": down}
    request: dict[str, Any] = {
        "action": "deploy",
        "words": words,
        "configuration": configuration,
        "system": system,
        "canary": canary,
        "rules": {name: value for name, value in said.items() if value is not None},
        "options": {"restore_data": restore_data, "override_freeze": override_freeze},
    }
    execute(request, only_plan=only_plan, as_json=as_json, wait_s=wait_s)
