"""`noc who`: everybody who may ask something of the fleet, and who holds it."""

from typing import Any

import typer

from noc.cli.options import JsonOption
from noc.cli.output import out, plain, print_json, print_table
from noc.cli.standing import show_order

app = typer.Typer(add_completion=False)


@app.command()
def who(*, as_json: JsonOption = False) -> None:
    """List people and the agent with their roles and chats, and say who may change the fleet at this moment."""
    from noc.runs.runner.client import Client  # noqa: PLC0415 - help stays light

    client = Client()
    principals, state = client.ask("principals")["principals"], client.ask("lease")
    if as_json:
        print_json({"principals": principals, **state})
        return
    print_table(("person", "role", "chats"), map(_row, principals))
    out.print(plain(state["explanation"]))
    if state["halt"]:
        show_order(state["halt"])


def _row(principal: dict[str, Any]) -> tuple[str, ...]:
    chats = ", ".join(f"{each['channel']} {each['id']}" for each in principal["identities"])
    return principal["person"], principal["role"] or "no more in fleet.toml", chats or "-"
