"""`noc demo`: a whole fleet on this machine, without root."""

import os
from typing import TYPE_CHECKING, Annotated

import typer

from noc.cli.completion import node_names
from noc.cli.options import EXAMPLE, FleetOption, JsonOption
from noc.cli.output import err, mark, print_json

if TYPE_CHECKING:
    from noc.demo.story import Step

app = typer.Typer(add_completion=False)


@app.command()
def demo(
    *,
    for_s: Annotated[
        float | None,
        typer.Option("--for", metavar="SECONDS", help="End after so long, but not before the story. Default: Ctrl-C."),
    ] = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port of the page on 127.0.0.1; 0 for any free one.")] = 0,
    node: Annotated[
        str, typer.Option(autocompletion=node_names, help="The node whose service is killed.")
    ] = "frankfurt",
    directory: FleetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show a whole fleet on this machine: one service dies, people are told, it comes back.

    HQ's watch and one real service for every node run as plain processes on loopback, without root. Exits 0 once the
    story was told to its end.
    """
    import asyncio  # noqa: PLC0415 - only a real call pays for it

    from noc.demo.play import play  # noqa: PLC0415
    from noc.fleet.directory import VARIABLE, fleet_directory  # noqa: PLC0415
    from noc.fleet.load import load  # noqa: PLC0415

    if directory is None and not os.environ.get(VARIABLE) and EXAMPLE.is_dir():
        directory = EXAMPLE
    fleet = load(fleet_directory(directory))
    victim, steps = fleet.node(node).name, list["Step"]()

    def say(step: "Step") -> None:
        steps.append(step)
        err.print(f"[dim]{step.at_s:6.1f} s[/dim]", mark(step.kind, step.text), soft_wrap=True)

    completed = asyncio.run(play(fleet, victim, say, port=port, for_s=for_s))
    if as_json:
        print_json({"completed": completed, "node": victim, "steps": [vars(step) for step in steps]})
    if not completed:
        raise typer.Exit(130)
