"""`noc render`: write what is derived from the fleet file, or check that nothing drifted."""

from typing import TYPE_CHECKING, Annotated

import typer

from noc.cli.options import FleetOption, JsonOption
from noc.cli.output import err, mark, out, print_json

if TYPE_CHECKING:
    from pathlib import Path

    from noc.fleet.render import Drift

app = typer.Typer(add_completion=False)


@app.command()
def render(
    *,
    check: Annotated[
        bool, typer.Option("--check", help="Change nothing; exit 1 where a file is not as derived.")
    ] = False,
    directory: FleetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write what is derived from the fleet file and the inventory: WireGuard's peers, the nodes' Nix variables."""
    from noc.fleet import render as derived  # noqa: PLC0415 - the models are only for a real call
    from noc.fleet.directory import fleet_directory  # noqa: PLC0415
    from noc.fleet.inventory import load_inventory  # noqa: PLC0415
    from noc.fleet.load import load  # noqa: PLC0415
    from noc.hub.asuser import run_as_owner  # noqa: PLC0415

    chosen = fleet_directory(directory)
    files = derived.render(load(chosen), load_inventory(chosen))
    found = derived.drift(chosen, files)
    if not check:
        run_as_owner(chosen, derived.write, chosen, files)
    if as_json:
        print_json({"directory": str(chosen), "drift": [vars(each) for each in found], "written": not check})
    else:
        _show(chosen, found, total=len(files), check=check)
    if check and found:
        raise typer.Exit(1)


def _show(directory: "Path", found: "list[Drift]", *, total: int, check: bool) -> None:
    for each in found:
        out.print(mark("fail", each.kind) if check else mark("ok", "written"), each.path, soft_wrap=True)
        if check:
            err.print(each.diff, markup=False, soft_wrap=True, end="")
    if not found:
        out.print(mark("ok", f"{total} files are as derived"), f"in {directory}", soft_wrap=True)
    elif check:
        err.print(f"{len(found)} files drifted. Fix: noc render -C {directory}", soft_wrap=True)
