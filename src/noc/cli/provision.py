"""`noc provision`: turn fresh machines into live nodes."""

from collections.abc import Sequence
from typing import Annotated

import typer

from noc.cli.completion import node_names_or
from noc.cli.options import JsonOption
from noc.errors import Usage

app = typer.Typer(add_completion=False)


@app.command()
def provision(
    nodes: Annotated[
        list[str],
        typer.Argument(metavar="NODE...", help="Nodes of the fleet file, or all.", autocompletion=node_names_or("all")),
    ],
    *,
    ip: Annotated[str | None, typer.Option("--ip", help="Public address, for one node.")] = None,
    host_key: Annotated[
        str | None, typer.Option("--host-key", help="Fingerprint SHA256:… from the machine's console, for one node.")
    ] = None,
    host: Annotated[
        list[str] | None, typer.Option("--host", metavar="NODE=IP,SHA256:…", help="Both, for several nodes.")
    ] = None,
    release: Annotated[str | None, typer.Option("--release", help="Version or hash. Default: the fleet's.")] = None,
    only_plan: Annotated[bool, typer.Option("--plan", help="Show what would be done, and change nothing.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Turn fresh machines into live nodes.

    First contact is strict: the machine must show the host key that is given, or that the inventory holds. Then come
    named steps, each of which looks first: interrupted or not, giving the command again goes on where it stopped,
    and changes nothing where all is as wanted.
    """
    from noc.cli.following import execute  # noqa: PLC0415 - help stays light

    options = read_options(nodes, ip, host_key, host or [])
    request = {"action": "provision", "nodes": nodes, "release": release, "options": options}
    execute(request, only_plan=only_plan, as_json=as_json)


def read_options(
    nodes: Sequence[str], ip: str | None, host_key: str | None, hosts: Sequence[str]
) -> dict[str, dict[str, str]]:
    """Addresses and fingerprints by node.

    Raises:
        Usage: `--ip` or `--host-key` with several nodes, or a `--host` that is not NODE=IP or NODE=IP,SHA256:….
    """
    if (ip or host_key) and (len(nodes) != 1 or nodes[0] == "all"):
        raise Usage("--ip and --host-key are for one node", fix="--host NODE=IP,SHA256:… for each of several")
    addresses = {nodes[0]: ip} if ip else {}
    fingerprints = {nodes[0]: host_key} if host_key else {}
    for text in hosts:
        node, equals, rest = text.partition("=")
        address, _, fingerprint = rest.partition(",")
        if not (node and equals and address):
            raise Usage(f"--host {text} is not NODE=IP,SHA256:…")
        addresses[node] = address
        if fingerprint:
            fingerprints[node] = fingerprint
    return {"address": addresses, "host_key": fingerprints}
