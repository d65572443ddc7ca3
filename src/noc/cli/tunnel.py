"""`noc tunnel`: why a node's tunnel does not carry."""

import os
import re
from typing import Annotated, Any

import typer

from noc.cli.completion import node_names
from noc.cli.options import JsonOption
from noc.cli.output import err, mark, out, plain, print_json, print_table

app = typer.Typer(add_completion=False)

_TIMEOUT_S = 180.0


@app.command()
def tunnel(
    node: Annotated[str, typer.Argument(metavar="NODE", help="Whose tunnel.", autocompletion=node_names)],
    *,
    as_json: JsonOption = False,
) -> None:
    """Say why a node's tunnel does not carry, and the one thing that mends it. Changes nothing.

    Evidence is gathered from both ends as far as they can be reached. Given by root, HQ's firewall is read as well.

    Returns 0 if the tunnel is well, 1 if it is not.
    """
    from noc.runs.runner.client import Client  # noqa: PLC0415 - help stays light

    answer: dict[str, Any] = {}
    with Client().talk("tunnel", node=node, let_in=_let_in(), timeout_s=_TIMEOUT_S) as talk:
        for said in talk.answers("verdict"):
            if "looking" in said:
                err.print(f"looking at {plain(said['looking'])}", style="dim")
            else:
                answer = said
    print_json(answer) if as_json else _show(answer)
    if answer["verdict"] != "well":
        raise typer.Exit(1)


def _show(answer: dict[str, Any]) -> None:
    print_table(("evidence", ""), answer["evidence"])
    out.print()
    out.print(f"{mark('ok' if answer['verdict'] == 'well' else 'fail', answer['verdict'])}: {plain(answer['why'])}")
    if answer["fix"]:
        out.print(f"Fix: {plain(answer['fix'])}")


def _let_in() -> bool | None:
    """Whether HQ's own firewall lets the tunnel's port in; None for who is not root, or where it is not ours."""
    from noc.fleet.load import load  # noqa: PLC0415
    from noc.hub.doors import firewall_kind  # noqa: PLC0415
    from noc.hub.system import run  # noqa: PLC0415
    from noc.runs.paths import Paths  # noqa: PLC0415

    if os.geteuid() != 0:
        return None
    port = load(Paths.from_environment().fleet).tunnel.port
    if firewall_kind() == "ufw":
        return re.search(rf"^{port}/udp\s+ALLOW", run("ufw", "status").stdout, re.MULTILINE) is not None
    rules = run("nft", "list", "chain", "inet", "noc", "input", check=False)
    if rules.returncode != 0:
        return None
    # The first rule that names the port decides; where none does, the chain's own policy drops.
    first = next((line for line in rules.stdout.splitlines() if re.search(rf"udp dport {port}\b", line)), "")
    return first.endswith("accept")
