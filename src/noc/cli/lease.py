"""`noc lease`: who may change the fleet at this moment."""

from typing import Annotated, Any

import typer

from noc.cli.options import JsonOption
from noc.cli.output import out, plain, print_json
from noc.cli.standing import read_state, show_order

app = typer.Typer(add_completion=False)


@app.command()
def lease(
    *,
    above: Annotated[
        int | None,
        typer.Option("--above", metavar="N", min=1, help="Give fence numbers above N from now on; HQ was restored."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Say who holds the lease since when, for what, how fresh it is, and what one can do.

    Whoever holds it may change the fleet. It is given back at the end of every run, taken over at once when its holder
    is dead, and expires when its holder is silent.

    Nodes refuse a fence number lower than one that they have seen. An HQ that was restored from a backup gives such
    numbers: once you know that the old one is gone for good, --above takes the number that the nodes name.
    """
    document = read_state() if above is None else _raise(above)
    if as_json:
        print_json(document)
        return
    out.print(plain(document["explanation"]))
    if above is not None:
        out.print(f"the next fence number is {document['next_fence']}")
    if document["halt"]:
        show_order(document["halt"])


def _raise(above: int) -> dict[str, Any]:
    from noc.runs.runner.client import Client  # noqa: PLC0415

    return Client().ask("lease", above=above)
