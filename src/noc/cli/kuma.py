"""`noc kuma`: a stock Uptime Kuma, told what the fleet is."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from noc.cli.options import FleetOption, JsonOption, PlanOption
from noc.cli.output import err, mark, out, plain, print_json, print_table
from noc.errors import Usage

if TYPE_CHECKING:
    from noc.watch.kuma.files import Login
    from noc.watch.kuma.plan import Step, SyncPlan
    from noc.watch.kuma.session import Session

app = typer.Typer(add_completion=False, no_args_is_help=True)

_MARKS = {"create": "info", "change": "info", "pause": "warn", "unchanged": "ok", "foreign": "fail"}
NOTHING_TO_DO, BLOCKED, WORK = 0, 1, 3


@app.callback()
def kuma() -> None:
    """A stock Uptime Kuma 2.x, for those who stay with it: its monitors, notification and status page."""


@app.command()
def sync(
    url: Annotated[str, typer.Argument(metavar="URL", help="Where its pages are: https://kuma.example.com.")],
    *,
    directory: FleetOption = None,
    login: Annotated[
        Path | None,
        typer.Option("--login", metavar="FILE", help="username and password as TOML, mode 0600; asked for otherwise."),
    ] = None,
    code: Annotated[str, typer.Option("--code", metavar="DIGITS", help="The second factor's, where it has one.")] = "",
    ntfy_token: Annotated[
        Path | None, typer.Option("--ntfy-token", metavar="FILE", help="The ntfy server's access token, mode 0600.")
    ] = None,
    tokens: Annotated[
        Path | None,
        typer.Option(
            "--tokens", metavar="FILE", help="Push tokens by node, as TOML: those in it are set, all are kept in it."
        ),
    ] = None,
    ca_root: Annotated[
        Path | None, typer.Option("--ca-root", metavar="FILE", help="Certificates to trust in place of the system's.")
    ] = None,
    adopt: Annotated[
        bool, typer.Option("--adopt", help="Take over what has one of our names, and was not made by us.")
    ] = False,
    plan_only: PlanOption = False,
    as_json: JsonOption = False,
) -> None:
    """Create or correct a push monitor for each node, the ntfy notification, and a status page of the live nodes.

    What is not ours is left alone: ours carries the tag noc-FLEET. Giving it again changes nothing.
    """
    from noc.fleet.directory import fleet_directory  # noqa: PLC0415 - help stays light
    from noc.fleet.inventory import load_inventory  # noqa: PLC0415
    from noc.fleet.load import load  # noqa: PLC0415
    from noc.watch.kuma.address import base_url  # noqa: PLC0415
    from noc.watch.kuma.files import read_login, read_secret, read_tokens  # noqa: PLC0415
    from noc.watch.kuma.session import Session  # noqa: PLC0415
    from noc.watch.kuma.wanted import wishes  # noqa: PLC0415

    place = fleet_directory(directory)
    fleet = load(place)
    wished = wishes(
        fleet,
        load_inventory(place),
        ntfy_token=read_secret(ntfy_token) if ntfy_token else "",
        tokens=read_tokens(tokens) if tokens else {},
    )
    if tokens and not tokens.parent.is_dir():
        raise Usage(f"{tokens} cannot be written", why=f"there is no directory {tokens.parent}")
    base = base_url(url, fleet)
    session = Session(base, read_login(login) if login else _asked_login(), wished, ca_root=ca_root)
    plan = session.plan(code, _asked_code, adopt=adopt)
    if plan_only:
        _show(session, plan, as_json=as_json)
        raise typer.Exit(BLOCKED if plan.foreign else WORK if plan.work else NOTHING_TO_DO)
    if not as_json:
        _tell(session)
    changed = session.apply(plan, _told)
    if tokens:
        session.keep_tokens(tokens)
    if as_json:
        print_json({**session.document(plan), "changed": changed, "tokens": str(tokens) if tokens else None})
    else:
        out.print(mark("ok", "Uptime Kuma is as the fleet file says" if changed else "nothing was changed"))


def _asked_login() -> "Login":
    from noc.watch.kuma.files import Login  # noqa: PLC0415

    if not sys.stdin.isatty():
        raise Usage("nobody is there to be asked who signs in", fix="--login FILE")
    name = typer.prompt("Uptime Kuma user", err=True)
    return Login(name, typer.prompt("Password", hide_input=True, err=True))


def _asked_code() -> str:
    if not sys.stdin.isatty():
        raise Usage("this user has a second factor", fix="--code DIGITS, from the app that shows them")
    return str(typer.prompt("Code", err=True)).strip()


def _told(step: "Step") -> None:
    err.print(f"{mark(_MARKS[step.kind], step.kind)}  {step.what} {plain(step.name)}", soft_wrap=True)


def _tell(session: "Session") -> None:
    for remark in session.wishes.remarks:
        err.print(mark("warn", remark))


def _show(session: "Session", plan: "SyncPlan", *, as_json: bool) -> None:
    if as_json:
        print_json(session.document(plan))
        return
    rows = [
        (mark(_MARKS[step.kind], step.kind), step.what, step.name, "; ".join(step.differences)) for step in plan.steps
    ]
    print_table(("", "what", "name", "differences"), rows)
    _tell(session)
