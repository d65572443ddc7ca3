"""`noc bot`: the fleet from a chat, without any model."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from noc.cli.options import FleetOption, JsonOption
from noc.cli.output import mark, out, print_json, print_table

if TYPE_CHECKING:
    from noc.agent.bot.transport import Transport

app = typer.Typer(add_completion=False, no_args_is_help=True)

STATE = Path("/var/lib/noc-bot/state.json")
CREDENTIALS = Path("/etc/noc-credentials")
_MARKS = {"ok": "ok", "off": "pending", "failed": "fail"}

CredentialsOption = Annotated[
    Path,
    typer.Option(
        "--credentials",
        metavar="DIR",
        envvar="CREDENTIALS_DIRECTORY",
        help="Where telegram_token and discord_token lie; systemd tells the service.",
    ),
]
StateOption = Annotated[Path, typer.Option("--state", metavar="FILE", help="What it remembers; its directory exists.")]


@app.callback()
def bot() -> None:
    """The bot of the chats: it takes the same verbs as the command line, and needs no model."""


@app.command()
def serve(
    *, directory: FleetOption = None, credentials: CredentialsOption = CREDENTIALS, state: StateOption = STATE
) -> None:
    """Answer people in the chats of fleet.toml, until told to stop.

    A chat without a part in fleet.toml, or without a token, is off. With none at all there is nothing to do: exit 6.
    """
    import asyncio  # noqa: PLC0415 - help stays light

    from noc.agent.bot.kept import Keeper  # noqa: PLC0415
    from noc.agent.bot.serving import log_without, serve_until_told  # noqa: PLC0415
    from noc.agent.channels import open_channels, read_tokens  # noqa: PLC0415
    from noc.agent.doors.house import House  # noqa: PLC0415
    from noc.fleet.directory import fleet_directory  # noqa: PLC0415
    from noc.fleet.load import load  # noqa: PLC0415

    place, tokens = fleet_directory(directory), read_tokens(credentials)
    log_without(tuple(tokens.values()))
    keeper = Keeper(state)
    channels = open_channels(load(place), tokens, keeper, place)
    asyncio.run(serve_until_told(House.at(place), tuple(channels.values()), keeper))


@app.command()
def check(
    *, directory: FleetOption = None, credentials: CredentialsOption = CREDENTIALS, as_json: JsonOption = False
) -> None:
    """Ask each chat service whether the token works and the chat can be reached, and say who is linked.

    Exit: 0 every chat that is configured works, 1 none does, 3 some do, 6 none is configured.
    """
    import asyncio  # noqa: PLC0415

    from noc.agent.bot.kept import Keeper  # noqa: PLC0415
    from noc.agent.channels import channels_off, open_channels, read_tokens  # noqa: PLC0415
    from noc.fleet.directory import fleet_directory  # noqa: PLC0415
    from noc.fleet.load import load  # noqa: PLC0415

    place, tokens = fleet_directory(directory), read_tokens(credentials)
    fleet = load(place)
    channels = open_channels(fleet, tokens, Keeper(STATE), place)
    found = [asyncio.run(_look(channel)) for channel in channels.values()]
    failed = [row for row in found if row["state"] == "failed"]
    off = channels_off(fleet, tokens).items()
    found += [{"channel": name, "state": "off", "bot": "", "chat": "", "why": why} for name, why in off]
    linked = _linked()
    if as_json:
        print_json({"channels": found, "linked": linked})
    else:
        _show(found, linked)
    if failed:
        raise typer.Exit(1 if len(failed) == len(channels) else 3)


async def _look(channel: "Transport") -> dict[str, str]:
    from noc.errors import NocError  # noqa: PLC0415

    row = {"channel": channel.channel, "state": "ok", "bot": "", "chat": "", "why": ""}
    try:
        reach = await channel.reach()
    except NocError as error:
        return {**row, "state": "failed", "why": str(error)}
    finally:
        await channel.close()
    return {**row, "bot": reach.bot, "chat": reach.chat}


def _linked() -> list[dict[str, Any]] | None:
    """Who is linked, a row for each chat; None where the runner does not say."""
    from noc.errors import NocError  # noqa: PLC0415
    from noc.runs.runner.client import Client  # noqa: PLC0415

    try:
        people = Client().ask("principals")["principals"]
    except NocError:
        return None
    return [
        {"person": person["person"], "role": person["role"], "channel": each["channel"], "id": each["id"]}
        for person in people
        for each in person["identities"]
    ]


def _show(found: list[dict[str, str]], linked: list[dict[str, Any]] | None) -> None:
    rows = [
        (row["channel"], mark(_MARKS[row["state"]], row["state"]), row["bot"], row["chat"], row["why"]) for row in found
    ]
    print_table(("channel", "state", "bot", "chat", "why"), rows)
    if linked is None:
        out.print(mark("warn", "the runner does not say who is linked"))
    elif not linked:
        out.print(mark("warn", "nobody is linked yet: noc link telegram"))
    else:
        print_table(("person", "role", "channel", "id"), [tuple(map(str, row.values())) for row in linked])
