"""`noc tenant`: who has an account, and on which node they live."""

import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from noc.cli.confirming import confirm
from noc.cli.options import JsonOption, PlanOption
from noc.cli.output import err, mark, out, plain, print_json, print_table
from noc.cli.times import shown
from noc.errors import NocError, Usage

app = typer.Typer(add_completion=False, no_args_is_help=True, help="Who has an account, and on which node they live.")

NOTHING_TO_DO, WORK = 0, 3
PAGE = 1_000
MOST_HANDLE = 256

TenantArgument = Annotated[
    str, typer.Argument(metavar="HANDLE", help="The account's name; - reads it from stdin, out of sight of others.")
]
IdOption = Annotated[bool, typer.Option("--id", help="What is given is the tenant id and not the handle.")]
NodeOption = Annotated[str | None, typer.Option("--node", metavar="NODE", help="This node and no other.")]


@app.command("list")
def list_(*, node: NodeOption = None, as_json: JsonOption = False) -> None:
    """List the tenants by id, how many each node has, and which directory it answers from."""
    from noc.runs.runner.client import Client  # noqa: PLC0415 - help stays light

    client = Client()
    answer = client.ask("tenant-list", node=node, limit=PAGE)
    tenants, after = list(answer["tenants"]), answer["after"]
    while after:
        page = client.ask("tenant-list", node=node, limit=PAGE, after=after)
        tenants, after = tenants + page["tenants"], page["after"]
    if as_json:
        print_json({"directory": answer["directory"], "nodes": answer["nodes"], "tenants": tenants})
        return
    if tenants:
        rows = ((each["id"], each["node"], each["residency"] or "-", _at(each["at"]), each["by"]) for each in tenants)
        print_table(("tenant", "node", "residency", "placed", "by"), rows)
    _show_nodes(answer)


@app.command()
def show(tenant: TenantArgument, *, is_id: IdOption = False, as_json: JsonOption = False) -> None:
    """Say where one tenant lives."""
    from noc.runs.runner.client import Client  # noqa: PLC0415 - help stays light

    found = Client().ask("tenant-show", **_named(tenant, is_id=is_id))["tenant"]
    if as_json:
        print_json(found)
    else:
        _show_tenant(found)


@app.command()
def place(
    tenant: TenantArgument,
    *,
    is_id: IdOption = False,
    residency: Annotated[
        str | None, typer.Option("--residency", metavar="CH|eu", help="A country, or a group of [placement].")
    ] = None,
    node: NodeOption = None,
    round_trips: Annotated[
        list[str] | None,
        typer.Option("--round-trip", metavar="NODE=MS", help="A round trip that was measured; give it again for more."),
    ] = None,
    days: Annotated[
        int, typer.Option("--days", metavar="N", min=0, max=90, help="Days the invitation is good for; 0 for none.")
    ] = 7,
    explain: Annotated[bool, typer.Option("--explain", help="Show what became of every node, and why.")] = False,
    plan_only: PlanOption = False,
    as_json: JsonOption = False,
) -> None:
    """Give a tenant a node, and print the invitation by which they open their account there.

    Who has a node keeps it: given again, the command says which, and makes another invitation.
    """
    from noc.runs.runner.client import Client  # noqa: PLC0415 - help stays light

    wishes = {"residency": residency, "node": node, "round_trips": _round_trips(round_trips or ())}
    try:
        said = Client().ask("tenant-place", **_named(tenant, is_id=is_id), wishes=wishes, days=days, look=plan_only)
    except NocError as error:
        if explain and not as_json:
            _show_considered(error.as_dict())
        raise
    if as_json:
        print_json(said)
    else:
        _show_placed(said, explain=explain, plan_only=plan_only)
    if plan_only:
        raise typer.Exit(WORK if said["new"] else NOTHING_TO_DO)


@app.command()
def forget(
    tenant: TenantArgument,
    *,
    is_id: IdOption = False,
    yes: Annotated[str, typer.Option("--yes", metavar="ID", help="Confirm by the tenant id, unasked.")] = "",
    as_json: JsonOption = False,
) -> None:
    """Let the directory name a tenant no more. Their account, where they have one, stays on the node as it is.

    Nobody is led to it any more: to close an account for good, its owner does so first.
    """
    from noc.runs.runner.client import Client  # noqa: PLC0415 - help stays light

    client, named = Client(), _named(tenant, is_id=is_id)
    found = client.ask("tenant-show", **named)["tenant"]
    confirm([found["id"]], yes, f"the directory forgets this tenant, who lives on {found['node']}")
    gone = client.ask("tenant-forget", id=found["id"])["forgotten"]
    if as_json:
        print_json({"forgotten": gone})
    else:
        out.print(mark("ok", f"{gone['id']} is in the directory no more"))


def _named(tenant: str, *, is_id: bool) -> dict[str, Any]:
    """The field of a request that names a tenant."""
    given = sys.stdin.readline(MOST_HANDLE + 2).rstrip("\n") if tenant == "-" else tenant
    return {"id" if is_id else "handle": given}


def _round_trips(given: Sequence[str]) -> dict[str, list[float]]:
    """Samples by node. Raises Usage."""
    found: dict[str, list[float]] = {}
    for each in given:
        node, _, text = each.partition("=")
        try:
            found.setdefault(node, []).append(float(text))
        except ValueError:
            raise Usage(f"{each[:60]!r} is no round trip", fix="--round-trip frankfurt=12.5") from None
    return found


def _show_placed(said: Mapping[str, Any], *, explain: bool, plan_only: bool) -> None:
    tenant, placed = said["tenant"], said["placed"]
    if explain and placed:
        _show_considered(placed)
    would = "would live" if plan_only and said["new"] else "lives"
    why = placed["why"] if placed else "their data are there, though no new tenant could come"
    out.print(mark("info" if plan_only else "ok", f"{tenant['id']} {would} on {tenant['node']}: {why}"))
    if said.get("trouble"):
        err.print(mark("warn", f"{tenant['node']} does not know it yet: {said['trouble']}"))
    if invitation := said.get("invitation"):
        err.print(plain(f"opens one account until {shown(invitation['expires'])}; not shown again:"))
        out.print(invitation["link"], markup=False, highlight=False, soft_wrap=True)


def _show_considered(told: Mapping[str, Any]) -> None:
    """Every node with its reason, as a decision or a refusal tells it; a refusal for another cause tells of none."""
    rows = [
        (
            each["node"],
            each["reason"],
            "-" if each["round_trip_ms"] is None else f"{each['round_trip_ms']:.0f} ms",
            "-" if each["free"] is None else f"{100 * each['free']:.0f} %",
            each["words"],
        )
        for each in told.get("considered", ())
    ]
    if rows:
        print_table(("node", "outcome", "round trip", "free", "why"), rows)
    for doubt in told.get("doubts", ()):
        err.print(mark("warn", f"not believed: {doubt['node']}: {doubt['why']}"))


def _show_tenant(found: Mapping[str, Any]) -> None:
    out.print(plain(f"{found['id']} lives on {found['node']}, {found['url'] or 'which the fleet file has no more'}"))
    wished = f", for {found['residency']}" if found["residency"] else ""
    out.print(plain(f"placed {_at(found['at'])} by {found['by']}{wished}"))


def _show_nodes(answer: Mapping[str, Any]) -> None:
    directory = answer["directory"]
    rows = (
        (each["node"], str(each["tenants"]), _held(each, directory["version"]), each["trouble"])
        for each in answer["nodes"]
    )
    print_table(("node", "tenants", "directory", "trouble"), rows)
    until = f", proven until {_at(directory['until'])}" if directory["until"] else ""
    out.print(plain(f"{directory['tenants']} tenants, version {directory['version']}{until}"))


def _held(node: Mapping[str, Any], newest: int) -> str:
    if not node["version"]:
        return "none yet"
    return f"version {node['version']}" + ("" if node["version"] == newest else ", not the newest")


def _at(seconds: int) -> str:
    return shown(datetime.fromtimestamp(seconds, UTC).isoformat())
