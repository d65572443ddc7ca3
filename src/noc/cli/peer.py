"""`noc peer`: operators' own tunnels to HQ."""

from typing import Annotated, Any

import typer

from noc.cli.options import JsonOption
from noc.cli.output import err, mark, out, plain, print_json, print_table

app = typer.Typer(
    add_completion=False, no_args_is_help=True, help="Operators' own tunnels to HQ: its page and SSH, and no node."
)

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="What people call the machine, as mias-laptop.")]


@app.command()
def add(
    name: NameArgument,
    *,
    key: Annotated[str, typer.Option("--key", metavar="PUBKEY", help="Its public key, as wg pubkey prints it.")],
    address: Annotated[
        str | None, typer.Option("--address", metavar="ADDRESS", help="One of those kept for operators.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Let a machine be a peer, and print its configuration for wg-quick; its private key never leaves it.

    Make the pair there: umask 077; wg genkey >wg.key; wg pubkey <wg.key. Giving the command again prints the same.
    """
    from noc.mesh.config import peer_config  # noqa: PLC0415 - help stays light
    from noc.runs.runner.client import Client  # noqa: PLC0415

    answer = Client().ask("peer-add", name=name, key=key, address=address)
    (peer,), hub = answer["peers"], answer["hub"]
    text = peer_config(hub, peer["address"])
    if as_json:
        print_json({**peer, "hub": hub, "configuration": text})
        return
    err.print(plain(f"{name} may reach HQ at {hub['address']}; for /etc/wireguard/noc.conf on it:"))
    out.print(text, markup=False, highlight=False, soft_wrap=True, end="")


@app.command("list")
def list_(*, as_json: JsonOption = False) -> None:
    """List the machines that may reach HQ through the tunnel."""
    from noc.runs.runner.client import Client  # noqa: PLC0415 - help stays light

    answer = Client().ask("peers")
    if as_json:
        print_json({"peers": answer["peers"]})
    elif not answer["peers"]:
        out.print("no peer")
    else:
        print_table(("name", "address", "key", "added"), map(_row, answer["peers"]))


@app.command()
def remove(name: NameArgument, *, as_json: JsonOption = False) -> None:
    """Let a machine be no peer any more; its tunnel ends at once."""
    from noc.runs.runner.client import Client  # noqa: PLC0415 - help stays light

    Client().ask("peer-remove", name=name)
    if as_json:
        print_json({"name": name, "removed": True})
    else:
        out.print(mark("ok", f"{name} is no peer any more"))


def _row(peer: dict[str, Any]) -> tuple[str, ...]:
    return str(peer["name"]), str(peer["address"]), str(peer["key"]), str(peer["added"])[:10]
