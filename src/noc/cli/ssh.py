"""`noc ssh`: a shell on one node, through the runner."""

import sys
from typing import Annotated, Any

import typer

from noc.cli.completion import node_names
from noc.cli.output import err, plain

app = typer.Typer(add_completion=False)


@app.command()
def ssh(
    node: Annotated[str, typer.Argument(metavar="NODE", help="Where.", autocompletion=node_names)],
    *,
    idle_s: Annotated[
        float, typer.Option("--idle", metavar="SECONDS", min=10, max=14_400, help="End it after so long without a key.")
    ] = 900,
) -> None:
    """Open a root's shell on a node, through the tunnel. It needs a terminal; a command alone is for noc exec.

    The runner opens it, since it alone has the key, and writes down who, where, when and how it ended; what is typed is
    kept nowhere. At the beginning of a line ~. ends it, ~~ is a ~, and ~? says so.

    Returns the shell's own exit status.
    """
    from noc.cli.terminal import Screen, check_terminal, size  # noqa: PLC0415 - help stays light
    from noc.runs.runner.client import Client  # noqa: PLC0415

    kind = check_terminal(node)
    with Client().talk("ssh", node=node, term=kind, size=size(), idle_s=idle_s) as talk:
        _greet(talk.answer() or {})
        status = Screen(talk).run()
    if status is None:
        err.print(f"the shell on {node} was left", style="dim")
        raise typer.Exit(130)
    if status:
        raise typer.Exit(status)


def _greet(opened: dict[str, Any]) -> None:
    if run := opened.get("run"):
        err.print(
            f"[yellow]![/yellow] run {plain(run)} has {opened['open']} in its plan: change nothing that it proves"
        )
    sys.stderr.write(f"{opened['open']}: ~. ends it, and so do {opened['idle_s']:g} s without a key\n")
