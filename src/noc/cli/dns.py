"""`noc dns`: the fleet's names at its DNS provider."""

from typing import Annotated

import typer

from noc.cli.completion import node_names
from noc.cli.options import JsonOption, OverrideOption, PlanOption, WaitOption

app = typer.Typer(add_completion=False, no_args_is_help=True)


@app.command()
def plan(*, as_json: JsonOption = False) -> None:
    """Show which records would be made, changed and removed, and change nothing.

    Where the domain is led to several nodes, the load balancer before it as well, with what it costs a month. Exit: 0
    nothing to do, 3 work, 1 blocked. What does not carry the fleet's mark is never touched.
    """
    from noc.cli.following import execute  # noqa: PLC0415 - help stays light

    execute({"action": "dns", "nodes": ["all"]}, only_plan=True, as_json=as_json)


@app.command()
def apply(*, override_freeze: OverrideOption = "", wait: WaitOption = 0, as_json: JsonOption = False) -> None:
    """Bring the fleet's records to what it needs, in one batch, and see that the zone's name servers show them.

    What a load balancer before the domain needs follows, one part after the other.
    """
    from noc.cli.following import execute  # noqa: PLC0415

    request = {"action": "dns", "nodes": ["all"], "options": {"override_freeze": override_freeze}}
    execute(request, only_plan=False, as_json=as_json, wait_s=wait)


@app.command()
def apex(
    node: Annotated[str, typer.Argument(help="A live node.", autocompletion=node_names)],
    *,
    only_plan: PlanOption = False,
    override_freeze: OverrideOption = "",
    wait: WaitOption = 0,
    as_json: JsonOption = False,
) -> None:
    """Let a node answer for the domain itself: its certificate first, then its proxy, then the record.

    HQ gets the certificate by a proof in the zone. The record is changed once the node has answered for the domain at
    its own address, over strict TLS; the node that answered before goes on until no cache can lead to it.

    With routing by latency the other nodes that the domain is to be led to are proven likewise, and the DNS provider's
    load balancer follows the record.
    """
    from noc.cli.following import execute  # noqa: PLC0415

    request = {"action": "apex", "nodes": [node], "options": {"override_freeze": override_freeze}}
    execute(request, only_plan=only_plan, as_json=as_json, wait_s=wait)
