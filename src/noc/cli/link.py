"""`noc link`: one's own chats."""

from typing import Annotated, Any

import typer

from noc.cli.options import JsonOption
from noc.cli.output import err, out, plain, print_json, print_table
from noc.cli.times import shown

app = typer.Typer(add_completion=False)

ChannelArgument = Annotated[
    str | None, typer.Argument(metavar="[telegram|discord]", help="Where you will speak to the bot.")
]


@app.command()
def link(channel: ChannelArgument = None, *, as_json: JsonOption = False) -> None:
    """Print a one-time code that makes a chat yours, or list the chats that are.

    Send the code to the bot, alone with it: /link CODE. It is good for ten minutes and once. From then on what that
    chat says is said by you, with your role in fleet.toml; noc unlink ends it.
    """
    from noc.runs.runner.client import Client  # noqa: PLC0415 - help stays light

    client = Client()
    if channel is None:
        _show_own(client.ask("whoami")["person"], client.ask("principals")["principals"], as_json=as_json)
        return
    given = client.ask("link-code", channel=channel)
    if as_json:
        print_json(given)
        return
    minutes = round(given["good_s"] / 60)
    err.print(plain(f"to the bot at {channel}, alone with it, within {minutes} minutes; not shown again:"))
    out.print(f"/link {given['code']}", markup=False)


def _show_own(person: str, principals: list[dict[str, Any]], *, as_json: bool) -> None:
    own = [identity for each in principals if each["person"] == person for identity in each["identities"]]
    if as_json:
        print_json({"person": person, "identities": own})
    elif own:
        print_table(("channel", "id", "since"), ((each["channel"], each["id"], shown(each["at"])) for each in own))
    else:
        out.print(plain(f"no chat is {person}'s; noc link telegram gives a code for one"))
