"""`noc keygen`: WireGuard key pairs, each made where it belongs."""

import os
from typing import Annotated

import typer

from noc.cli.completion import node_names_or
from noc.cli.options import FleetOption, JsonOption
from noc.cli.output import mark, out, print_json
from noc.errors import NotPermitted

app = typer.Typer(add_completion=False)


@app.command()
def keygen(
    where: Annotated[
        str,
        typer.Argument(
            metavar="NODE|hub", help="A node with a tunnel, or hub for HQ.", autocompletion=node_names_or("hub")
        ),
    ],
    *,
    fleet: FleetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a WireGuard key pair where it belongs: on the node, or on the hub.

    A node's first pair is made by noc provision; here it gets a new one over its tunnel, with a way back at both ends.
    The hub's pair is made once. A private half never leaves its machine; the public one goes into the inventory.
    """
    if where == "hub":
        _hub(fleet, as_json=as_json)
    else:
        from noc.cli.following import execute  # noqa: PLC0415 - help stays light

        execute({"action": "keygen", "nodes": [where]}, only_plan=False, as_json=as_json)


def _hub(fleet: FleetOption, *, as_json: bool) -> None:
    from noc.fleet.directory import fleet_directory  # noqa: PLC0415
    from noc.fleet.inventory import load_inventory  # noqa: PLC0415
    from noc.fleet.load import load  # noqa: PLC0415
    from noc.hub.asuser import run_as_owner  # noqa: PLC0415
    from noc.hub.fleetdir import note_keys  # noqa: PLC0415
    from noc.hub.places import CREDENTIALS  # noqa: PLC0415
    from noc.hub.system import Owner, ensure_directory  # noqa: PLC0415
    from noc.hub.tunnel import ensure_hub_key  # noqa: PLC0415

    if os.geteuid() != 0:
        raise NotPermitted("HQ's tunnel key belongs to root", fix="sudo noc keygen hub")
    directory = fleet_directory(fleet)
    load(directory)  # nothing is made for a fleet file with mistakes
    hub = load_inventory(directory).hub
    changed = ensure_directory(CREDENTIALS, Owner(mode=0o700))
    public, made = ensure_hub_key()
    record = hub.model_copy(update={"wireguard_key": public})
    changed += made + run_as_owner(directory, note_keys, directory, record)
    if as_json:
        print_json({"public_key": public, "changed": changed})
    else:
        out.print(f"{public}\n{mark('ok', ', '.join(changed) or 'unchanged')}")
