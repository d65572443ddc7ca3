"""`noc terraform`: the same machines, for who keeps a cloud by Terraform."""

from pathlib import Path
from typing import Annotated

import typer

from noc.cli.options import FleetOption, JsonOption
from noc.cli.output import mark, out, print_json
from noc.errors import NotFound

app = typer.Typer(add_completion=False)


@app.command()
def terraform(
    *,
    show: Annotated[bool, typer.Option("--print", help="Print the configuration and write nothing.")] = False,
    directory: FleetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write terraform/main.tf.json into the fleet directory: group, machine and address of every node at AWS.

    Its output goes to noc adopt: terraform output -json | noc adopt --terraform -. There is no secret in it.
    """
    import json  # noqa: PLC0415 - help stays light

    from noc.fleet.directory import fleet_directory  # noqa: PLC0415
    from noc.fleet.inventory import load_inventory  # noqa: PLC0415
    from noc.fleet.load import load  # noqa: PLC0415
    from noc.fleet.terraform import FILE, terraform_files  # noqa: PLC0415
    from noc.hub.asuser import run_as_owner  # noqa: PLC0415

    chosen = fleet_directory(directory)
    text = terraform_files(load(chosen), load_inventory(chosen)).get(FILE)
    if text is None:
        raise NotFound(
            "there is nothing to write", why="no node is at AWS, or HQ has no SSH key", fix="noc hub install"
        )
    if show:
        print_json(json.loads(text))
        return

    changed = run_as_owner(chosen, _write, chosen / FILE, text)
    if as_json:
        print_json({"path": str(chosen / FILE), "changed": changed})
    else:
        out.print(mark("ok", "written" if changed else "unchanged"), str(chosen / FILE), soft_wrap=True)


def _write(path: Path, text: str) -> bool:
    """Write a file where it is another; returns whether it was."""
    from noc.fleet.files import replace  # noqa: PLC0415

    path.parent.mkdir(exist_ok=True)
    changed = not path.exists() or path.read_text("utf-8") != text
    if changed:
        replace(path, text)
    return changed
