"""`noc pending`: plans that wait for somebody to agree."""

from typing import Any

import typer

from noc.cli.options import JsonOption
from noc.cli.output import mark, out, print_json, print_table
from noc.cli.times import shown

app = typer.Typer(add_completion=False)


@app.command()
def pending(*, as_json: JsonOption = False) -> None:
    """List the plans that wait for somebody to agree, the oldest first.

    How risky a plan is decides who has to agree to it, as fleet.toml says under approval.
    """
    from noc.runs.runner.client import Client  # noqa: PLC0415 - help stays light

    requests = Client().ask("pending")["requests"]
    if as_json:
        print_json({"requests": requests})
    elif not requests:
        out.print(mark("ok", "nothing waits"))
    else:
        print_table(("phrase", "what", "risk", "requester", "needs", "expires"), map(_row, requests))


def _row(request: dict[str, Any]) -> tuple[str, ...]:
    given = request["approval"]
    needs = f"approved by {given['by']}, not begun yet: noc approve" if given else request["needs"]
    facts = (request[name] for name in ("phrase", "what", "risk", "requester"))
    return *facts, needs, shown(request["expires"])
