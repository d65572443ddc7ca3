"""`noc maintenance`: windows in which nobody is told of some nodes."""

import hashlib
import json
from typing import Annotated, Any

import typer

from noc.cli.completion import node_names_or
from noc.cli.options import AtOption, JsonOption
from noc.cli.output import mark, out, print_json, print_table
from noc.cli.times import of_watch
from noc.errors import Usage

app = typer.Typer(add_completion=False, no_args_is_help=True)


@app.callback()
def maintenance() -> None:
    """Windows of maintenance: planned ones, silences, and those of deployments."""


@app.command("list")
def list_(*, as_json: JsonOption = False, at: AtOption = None) -> None:
    """List the windows that hold or are to come; first those that hold."""
    from noc.watch.server.client import ask  # noqa: PLC0415 - help stays light

    document = ask("/api/v1/maintenance", at=at)
    if as_json:
        print_json(document)
    elif not document["windows"]:
        out.print("no window holds or is to come")
    else:
        rows = [_row(window, document["timezone"]) for window in document["windows"]]
        print_table(("id", "", "for", "when", "minutes", "by", "why"), rows)


@app.command()
def add(
    scope: Annotated[
        list[str],
        typer.Argument(
            metavar="NODE...|all", help="Nodes, tags, batch-N, or all.", autocompletion=node_names_or("all")
        ),
    ],
    *,
    lasts: Annotated[str, typer.Option("--for", metavar="SPAN", help="How long: 30m, 2h, at most 7d.")],
    start: Annotated[
        str, typer.Option("--from", metavar="TIME", help='Weekly as "Sun 02:00", once as "2026-12-20 00:00".')
    ] = "",
    cron: Annotated[str, typer.Option("--cron", metavar="FIELDS", help='Five fields instead, as "0 4 1 * *".')] = "",
    zone: Annotated[
        str, typer.Option("--zone", metavar="ZONE", help="Whose clocks, as Europe/Zurich. Default: the fleet's.")
    ] = "",
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why.")] = "",
    name: Annotated[
        str, typer.Option("--name", metavar="NAME", help="The window's own. Default: made from what it says.")
    ] = "",
    as_json: JsonOption = False,
    at: AtOption = None,
) -> None:
    """Plan a window: once, every week, or by the five fields of cron.

    Given twice it is one window; with the --name of one that is planned it changes that one.
    """
    from urllib.parse import quote  # noqa: PLC0415

    from noc.fleet.spans import WEEK_MS, read_span  # noqa: PLC0415
    from noc.watch.server.client import ask  # noqa: PLC0415

    if bool(start) == bool(cron):
        raise Usage("a window begins --from a time, or by --cron", fix='--from "Sun 02:00"')
    kind = "cron" if cron else "single" if start[:1].isdigit() else "weekly"
    window = {
        "kind": kind,
        "scope": scope,
        "minutes": read_span(lasts, most_ms=WEEK_MS) // 60_000,
        "spec": cron or start,
        "zone": zone,
        "reason": reason,
    }
    name = name or _name_of(window)
    ask(f"/api/v1/maintenance/{quote(name, safe='')}", method="PUT", body=window, at=at)
    if as_json:
        print_json({"id": name})
    else:
        out.print(mark("ok", f"planned; noc maintenance end {name} ends it"))


@app.command()
def end(
    window: Annotated[str, typer.Argument(metavar="ID", help="Of a window or a silence, as the list shows it.")],
    *,
    as_json: JsonOption = False,
    at: AtOption = None,
) -> None:
    """End a window or a silence for good. One of the fleet file is changed there, one of a run ends with it."""
    from urllib.parse import quote  # noqa: PLC0415

    from noc.watch.server.client import ask  # noqa: PLC0415

    ask(f"/api/v1/maintenance/{quote(window, safe='')}", method="DELETE", at=at)
    if as_json:
        print_json({"id": window, "ended": True})
    else:
        out.print(mark("ok", f"{window} has ended"))


def _name_of(window: dict[str, Any]) -> str:
    """A name for exactly this window, so that the same command means the same window."""
    digest = hashlib.sha256(json.dumps(window, sort_keys=True).encode()).hexdigest()
    return f"{window['kind']}-{digest[:8]}"


def _row(window: dict[str, Any], timezone: str) -> tuple[str, ...]:
    holds, following = window["until"], window["next"]
    state = mark("warn", "holds") if holds else mark("pending", "planned")
    until = f"until {of_watch(holds, timezone)}" if holds else ""
    begins = f"from {of_watch(following, timezone)}" if following and not holds else ""
    repeats = f"{window['spec']} {window['zone']}" if window["kind"] in {"weekly", "cron"} else ""
    when = ", ".join(filter(None, (until or begins, repeats)))
    minutes = str(window["minutes"] or "-")
    return window["id"], state, ", ".join(window["scope"]), when, minutes, window["who"] or "-", window["reason"]
