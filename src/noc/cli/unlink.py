"""`noc unlink`: a chat speaks for nobody any more."""

from typing import Annotated

import typer

from noc.cli.options import JsonOption
from noc.cli.output import mark, out, print_json
from noc.errors import NotFound, Usage

app = typer.Typer(add_completion=False)


@app.command()
def unlink(
    channel: Annotated[
        str | None,
        typer.Argument(metavar="[telegram|discord]", help="Of which channel; all of them where --person is."),
    ] = None,
    number: Annotated[str | None, typer.Argument(metavar="[ID]", help="Which of several, as noc who shows it.")] = None,
    *,
    person: Annotated[
        str | None, typer.Option("--person", metavar="NAME", help="Somebody else's: for root and approvers.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Let a chat speak for nobody any more, from its next word on."""
    from noc.runs.runner.client import Client  # noqa: PLC0415 - help stays light

    if channel is None and person is None:
        raise Usage("no chat is named", fix="noc unlink telegram; noc link lists yours, noc who everybody's")
    gone = Client().ask("unlink", channel=channel, id=number, person=person)["unlinked"]
    if not gone:
        raise NotFound("no such chat is linked", fix="noc link lists yours, noc who everybody's")
    if as_json:
        print_json({"unlinked": gone})
        return
    for each in gone:
        out.print(mark("ok", f"{each['channel']} {each['id']} speaks for {each['person']} no more"))
