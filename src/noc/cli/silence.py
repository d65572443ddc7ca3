"""`noc silence`: tell nobody of some nodes for a while."""

from typing import Annotated

import typer

from noc.cli.completion import node_names_or
from noc.cli.options import AtOption, JsonOption
from noc.cli.output import mark, out, print_json

app = typer.Typer(add_completion=False)


@app.command()
def silence(
    scope: Annotated[
        str,
        typer.Argument(metavar="NODE|all", help="A node, a tag, batch-N, or all.", autocompletion=node_names_or("all")),
    ],
    duration: Annotated[str, typer.Argument(metavar="SPAN", help="How long from now: 30m, 1h, at most 7d.")],
    *,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; it stands beside the silence.")],
    as_json: JsonOption = False,
    at: AtOption = None,
) -> None:
    """Tell nobody of some nodes for a while: nothing is opened, escalated or reminded of.

    Given again for the same nodes it begins anew. What is wrong when it ends counts then. Whoever was told of an
    incident hears of its end all the same.
    """
    from urllib.parse import quote  # noqa: PLC0415 - help stays light

    from noc.fleet.spans import WEEK_MS, read_span  # noqa: PLC0415
    from noc.watch.server.client import ask  # noqa: PLC0415
    from noc.watch.service.windows import silence_name  # noqa: PLC0415

    minutes = read_span(duration, most_ms=WEEK_MS) // 60_000
    name, body = silence_name([scope]), {"kind": "silence", "scope": [scope], "minutes": minutes, "reason": reason}
    ask(f"/api/v1/maintenance/{quote(name, safe='')}", method="PUT", body=body, at=at)
    if as_json:
        print_json({"id": name})
    else:
        out.print(mark("ok", f"{scope} is silent for {duration}; noc maintenance end {name} ends it"))
