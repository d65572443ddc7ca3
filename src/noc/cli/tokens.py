"""`noc tokens`: what programs show to be let in."""

from typing import Annotated

import typer

from noc.cli.options import AtOption, JsonOption
from noc.cli.output import err, mark, out, plain, print_json, print_table
from noc.cli.times import in_utc

app = typer.Typer(add_completion=False, no_args_is_help=True)

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="What people call it, as prometheus.")]


@app.callback()
def tokens() -> None:
    """Tokens for programs that read or use the API: made once, shown once, taken back at once."""


@app.command()
def make(
    name: NameArgument,
    *,
    role: Annotated[
        str, typer.Option("--role", metavar="ROLE", help="viewer, agent, operator or approver.")
    ] = "viewer",
    lasts: Annotated[str, typer.Option("--for", metavar="SPAN", help="How long it is good: 90d, at most 1y.")] = "90d",
    as_json: JsonOption = False,
    at: AtOption = None,
) -> None:
    """Make a token and print it; it is kept nowhere and cannot be shown again. One of this name is prolonged instead.

    An approver's command on HQ. No token may do more than who made it.
    """
    from noc.fleet.spans import YEAR_MS, read_span  # noqa: PLC0415 - help stays light
    from noc.watch.clock import iso, now  # noqa: PLC0415
    from noc.watch.server.client import ask  # noqa: PLC0415

    wanted = {"role": role, "expires_at": iso(now().wall + read_span(lasts, most_ms=YEAR_MS))}
    token = ask(_path(name), method="PUT", body=wanted, at=at)
    if as_json:
        print_json(token)
    elif "secret" in token:
        err.print(
            plain(f"{name}: {token['role']} until {in_utc(token['expires_at'])}; what follows is not shown again")
        )
        out.print(token["secret"], markup=False)
    else:
        out.print(mark("ok", f"{name} is {token['role']} until {in_utc(token['expires_at'])}; its secret is as it was"))


@app.command("list")
def list_(*, as_json: JsonOption = False, at: AtOption = None) -> None:
    """List the tokens that are good for something, without their secrets."""
    from noc.watch.server.client import ask  # noqa: PLC0415

    document = ask("/api/v1/tokens", at=at)
    if as_json:
        print_json(document)
    elif not document["tokens"]:
        out.print("no token")
    else:
        print_table(("name", "role", "made by", "made", "good until"), map(_row, document["tokens"]))


@app.command()
def revoke(name: NameArgument, *, as_json: JsonOption = False, at: AtOption = None) -> None:
    """Take a token back; it is good for nothing from then on."""
    from noc.watch.server.client import ask  # noqa: PLC0415

    ask(_path(name), method="DELETE", at=at)
    if as_json:
        print_json({"name": name, "revoked": True})
    else:
        out.print(mark("ok", f"no token is called {name} any more"))


def _row(token: dict[str, str]) -> tuple[str, ...]:
    times = (in_utc(token[name]) for name in ("created_at", "expires_at"))
    return token["name"], token["role"], token["person"], *times


def _path(name: str) -> str:
    from urllib.parse import quote  # noqa: PLC0415

    return f"/api/v1/tokens/{quote(name, safe='')}"
