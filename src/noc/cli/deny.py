"""`noc deny`: say no to a plan that waits."""

from typing import Annotated

import typer

from noc.cli.approve import NameArgument
from noc.cli.options import JsonOption
from noc.cli.output import mark, out, plain, print_json

app = typer.Typer(add_completion=False)


@app.command()
def deny(
    name: NameArgument = None,
    *,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; who asked for it reads it.")] = "",
    as_json: JsonOption = False,
) -> None:
    """Say no to a plan that waits, or take an approval back that no run has used.

    An approver may, and who asked for the plan.
    """
    from noc.runs.runner.client import Client  # noqa: PLC0415 - help stays light

    denied = Client().ask("deny", request=" ".join(name or ["last"]), reason=reason)["denied"]
    if as_json:
        print_json({"denied": denied})
    else:
        out.print(f"{mark('ok', 'denied')}  {plain(denied['what'])} ({plain(denied['phrase'])})")
