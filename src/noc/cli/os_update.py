"""`noc os-update`: the weekly update of the nodes' systems, as one rollout."""

from typing import Annotated, Any

import typer

from noc.cli.completion import node_names_or
from noc.cli.options import (
    BatchOption,
    DownOption,
    FailuresOption,
    JsonOption,
    OnFailureOption,
    PlanOption,
    WaitOption,
    WavesOption,
)

app = typer.Typer(add_completion=False, no_args_is_help=True, help="The weekly update of the nodes' systems.")

Nodes = Annotated[
    list[str] | None,
    typer.Argument(metavar="[NODE...|all]", help="Default: all.", autocompletion=node_names_or("all")),
]


@app.command()
def plan(nodes: Nodes = None, *, as_json: JsonOption = False) -> None:
    """Show what the weekly update would bring, and change nothing on a node.

    Debian nodes are asked what their archives offer. For NixOS nodes nixpkgs is locked anew, beside the fleet's own
    lock, and their systems are built on HQ. Returns 0 where nothing is to be done, 3 where there is work, 1 where a
    node is blocked.
    """
    from noc.cli.following import execute  # noqa: PLC0415 - help stays light

    execute(_request(nodes, {}), only_plan=True, as_json=as_json)


@app.command()
def run(
    nodes: Nodes = None,
    *,
    batch: BatchOption = None,
    waves: WavesOption = None,
    max_failures: FailuresOption = None,
    on_failure: OnFailureOption = None,
    down: DownOption = None,
    wait_s: WaitOption = 0,
    as_json: JsonOption = False,
) -> None:
    """Bring every node the newest system: the canary first, soaked, then the rest, each proven or turned back.

    It begins inside the window of [os_update] alone, never in a freeze, and never while an incident is open. The new
    lock of nixpkgs is the fleet's, in a commit, once the first node is proven with it. A node that needs a reboot
    afterwards says so; that is no failure: noc os-update reboot.
    """
    from noc.cli.following import execute  # noqa: PLC0415 - help stays light

    said = {"batch": batch, "waves": waves, "max_failures": max_failures, "on_failure": on_failure, "down": down}
    rules = {name: value for name, value in said.items() if value is not None}
    execute(_request(nodes, rules), only_plan=False, as_json=as_json, wait_s=wait_s)


@app.command()
def reboot(
    nodes: Nodes = None, *, only_plan: PlanOption = False, wait_s: WaitOption = 0, as_json: JsonOption = False
) -> None:
    """Reboot the nodes that wait for it since an update, one after the other; the others are left alone.

    It begins like the update itself: inside the window, and never while an incident is open. A node has to come back
    with another boot id, healthy, and with nothing left to wait for; the first that does not ends the run.
    """
    from noc.cli.following import execute  # noqa: PLC0415 - help stays light

    request: dict[str, Any] = {"action": "reboot", "nodes": nodes or ["all"]}
    execute(request, only_plan=only_plan, as_json=as_json, wait_s=wait_s)


def _request(nodes: list[str] | None, rules: dict[str, Any]) -> dict[str, Any]:
    return {"action": "os-update", "nodes": nodes or ["all"], "rules": rules}
