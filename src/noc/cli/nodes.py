"""`noc nodes`: the fleet's machines, and where each is in its life."""

from typing import TYPE_CHECKING, Any

import typer

from noc.cli.options import FleetOption, JsonOption
from noc.cli.output import mark, print_json, print_table

if TYPE_CHECKING:
    from noc.fleet.inventory import Inventory, NodeRecord
    from noc.fleet.model import Fleet, Node

app = typer.Typer(add_completion=False)

MARKS = {"planned": "pending", "launched": "info", "provisioned": "info", "live": "ok", "retired": "pending"}


@app.command()
def nodes(*, directory: FleetOption = None, as_json: JsonOption = False) -> None:
    """List the fleet's machines and where each is in its life.

    A node is planned, launched (its machine exists), provisioned, live (only now it is judged), or retired. Where a
    rotation is not through with it, the secret is named: the old and the new one count.
    """
    from noc.fleet.directory import fleet_directory  # noqa: PLC0415 - the models are only for a real call
    from noc.fleet.inventory import load_inventory  # noqa: PLC0415
    from noc.fleet.load import load  # noqa: PLC0415

    chosen = fleet_directory(directory)
    fleet, inventory = load(chosen), load_inventory(chosen)
    if as_json:
        print_json(document(fleet, inventory))
    else:
        columns = ("#", "name", "city", "region", "machine", "tunnel", "address", "life")
        print_table(columns, [_hub_row(fleet), *(_row(node, inventory.record(node.name)) for node in fleet.nodes)])


def document(fleet: "Fleet", inventory: "Inventory") -> dict[str, Any]:
    """The same for `--json`: the hub, and each node with its record."""
    return {
        "fleet": fleet.name,
        "hub": fleet.hub.model_dump(mode="json") | inventory.hub.model_dump(mode="json"),
        "nodes": [_entry(fleet, node, inventory.record(node.name)) for node in fleet.nodes],
    }


def _entry(fleet: "Fleet", node: "Node", record: "NodeRecord") -> dict[str, Any]:
    described = node.model_dump(mode="json") | {"hostname": fleet.hostname(node)}
    known = record.model_dump(mode="json", exclude={"push_token_sha256", "push_token_sha256_before"})
    return described | known | {"rotating": _rotating(record)}


def _rotating(record: "NodeRecord") -> list[str]:
    """The secrets of which both the old and the new one count, until a rotation is through with the node."""
    from noc.runs.rotation.plans import UNSETTLED, unsettled  # noqa: PLC0415

    return [secret for secret in UNSETTLED if unsettled(secret, record)]


def _hub_row(fleet: "Fleet") -> tuple[str, ...]:
    hub = fleet.hub
    return ("HQ", hub.name, hub.city, "-", f"{hub.provider} {hub.platform}", str(hub.tunnel), str(hub.address), "")


def _row(node: "Node", record: "NodeRecord") -> tuple[str, ...]:
    address, rotating = str(record.address or "-"), _rotating(record)
    life = mark(MARKS[record.life], record.life)
    if rotating:
        life = mark("warn", f"{record.life}, rotating {', '.join(rotating)}")
    named = (str(node.number), node.name, node.city, node.region or "-", f"{node.provider} {node.platform}")
    return (*named, str(node.tunnel), address, life)
