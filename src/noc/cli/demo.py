"""`noc demo`: a whole fleet on this machine, without root."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from noc.cli.completion import node_names
from noc.cli.options import FleetOption, JsonOption
from noc.cli.output import err, mark, print_json

if TYPE_CHECKING:
    from noc.demo.story import Step

app = typer.Typer(add_completion=False)

EXAMPLE = Path(__file__).parents[3] / "fleet"
"""The example fleet of a checkout; an installed noc plays the fleet of its fleet directory."""


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
    from noc.fleet.directory import fleet_directory  # noqa: PLC0415
    from noc.fleet.load import load  # noqa: PLC0415

    fleet = load(fleet_directory(directory or (EXAMPLE if EXAMPLE.is_dir() else None)))
    victim, steps = fleet.node(node).name, list["Step"]()

    def say(step: "Step") -> None:
        steps.append(step)
        err.print(f"[dim]{step.at_s:6.1f} s[/dim]", mark(step.kind, escape(step.text)), soft_wrap=True)

    completed = asyncio.run(play(fleet, victim, say, port=port, for_s=for_s))
    if as_json:
        print_json({"completed": completed, "node": victim, "steps": [vars(step) for step in steps]})
    if not completed:
        raise typer.Exit(130)
