"""`noc keygen`: WireGuard key pairs, each made where it belongs."""

import os
from typing import Annotated

import typer

from noc.cli.completion import node_names_or
from noc.cli.options import FleetOption, JsonOption
from noc.cli.output import mark, out, print_json
from noc.errors import NotPermitted, Usage

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

    A new node's pair is made on the node by noc provision; one that has a tunnel gets another by noc rotate wg. The
    hub's is made here once. A private half never leaves its machine; the public one goes into the inventory.
    """
    if where != "hub":
        from noc.fleet.directory import fleet_directory  # noqa: PLC0415 - help stays light
        from noc.fleet.inventory import load_inventory  # noqa: PLC0415

        made = load_inventory(fleet_directory(fleet)).record(where).wireguard_key
        fix = f"noc rotate wg {where}" if made else f"noc provision {where}"
        why = "it has a pair, and another one comes beside it" if made else "its pair is made over its first contact"
        raise Usage(f"{where} gets no pair by this command", why=why, fix=fix)
    _hub(fleet, as_json=as_json)


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
