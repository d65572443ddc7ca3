"""`noc replace`: a dead node made anew on another machine."""

from typing import Annotated, Any

import typer

from noc.cli.completion import node_names
from noc.cli.options import JsonOption, OverrideOption, PlanOption, WaitOption

app = typer.Typer(add_completion=False)


@app.command()
def replace(
    node: Annotated[str, typer.Argument(metavar="NODE", help="A node that was live.", autocompletion=node_names)],
    *,
    ip: Annotated[str, typer.Option("--ip", metavar="ADDRESS", help="The new machine's public address.")],
    host_key: Annotated[str, typer.Option("--host-key", metavar="SHA256:…", help="Its fingerprint, from its console.")],
    at: Annotated[
        str | None,
        typer.Option("--at", metavar="TIME", help="The newest backup until then, as noc restore takes it."),
    ] = None,
    override_freeze: OverrideOption = "",
    wait_s: WaitOption = 0,
    only_plan: PlanOption = False,
    as_json: JsonOption = False,
) -> None:
    """Make a dead node anew on another machine: the fleet's release, and the data of the node's newest backup.

    HQ has to be able to open the backup, as for noc restore. Once the new machine has shown its host key, the old
    one's tunnel key and push token count no more; should it come back, nobody listens to it. It is never contacted.
    The data are in place before the release first runs. Interrupted, the command given again goes on where it was.
    """
    from noc.cli.following import execute  # noqa: PLC0415 - help stays light
    from noc.cli.times import moment  # noqa: PLC0415

    options: dict[str, Any] = {"address": {node: ip}, "host_key": {node: host_key}, "at": moment(at)}
    request = {"action": "replace", "nodes": [node], "options": {**options, "override_freeze": override_freeze}}
    execute(request, only_plan=only_plan, as_json=as_json, wait_s=wait_s)
