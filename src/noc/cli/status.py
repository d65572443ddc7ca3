"""`noc status`: the whole fleet at a glance, what fails first."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from noc.cli.options import AtOption, JsonOption
from noc.cli.output import err, mark, out, plain, print_json, print_table, table_of
from noc.cli.times import of_watch
from noc.errors import Usage

if TYPE_CHECKING:
    from rich.console import RenderableType

app = typer.Typer(add_completion=False)

PAUSE_S: Final = 2.0
RANK: Final = ("down", "unheard", "late", "up", "pending")
MARKS: Final = {"down": "fail", "unheard": "warn", "late": "warn", "up": "ok", "pending": "pending"}
WINDOWS_SHOWN: Final = 5
COLUMNS: Final = ("state", "node", "for", "heard", "version", "seen", "what")

Document = dict[str, Any]


@app.command()
def status(
    *,
    watching: Annotated[bool, typer.Option("--watch", help="Go on showing it, until Ctrl-C.")] = False,
    as_json: JsonOption = False,
    at: AtOption = None,
) -> None:
    """Show the whole fleet at a glance: failing nodes first, open incidents, maintenance.

    Returns 0 where nothing is open, 1 where something is.
    """
    if watching and as_json:
        raise Usage("--watch and --json exclude each other", fix="read /api/v1/events for a stream of documents")
    if watching:
        _follow(lambda: read_status(at))
        return
    document = read_status(at)
    if as_json:
        print_json(document)
    else:
        print_table(COLUMNS, rows(document))
        for line in notes(document):
            out.print(line)
    if document["incidents"]:
        raise typer.Exit(1)


def read_status(at: str | None) -> Document:
    """What the watch says of nodes, open incidents and maintenance, as one document. Raises NocError."""
    from noc.watch.server.client import ask  # noqa: PLC0415 - help stays light

    incidents = ask("/api/v1/incidents?open=1&limit=1000", at=at)["incidents"]
    windows = ask("/api/v1/maintenance", at=at)["windows"]
    return {**ask("/api/v1/nodes", at=at), "incidents": incidents, "maintenance": windows}


def rows(document: Document) -> list[tuple[str, ...]]:
    """A line a node: by state, those with the oldest trouble first, then in the fleet's order."""
    opened = {each["id"]: each for each in document["incidents"]}
    nodes = sorted(document["nodes"], key=_order)
    return [_row(node, opened.get(node["incident"]), document["now"]) for node in nodes]


def _order(node: Document) -> tuple[int, str]:
    failing = node["state"] in {"down", "unheard", "late"}
    return RANK.index(node["state"]), node["since"] or "" if failing else ""


def _row(node: Document, incident: Document | None, now: str) -> tuple[str, ...]:
    beat, seen = node["last_heartbeat"], node["sighting"]
    state = mark(MARKS[node["state"]], f"{incident['severity']} {node['state']}" if incident else node["state"])
    return (
        state,
        node["name"],
        _ago(node["since"], now),
        _ago(beat["at"], now) if beat else "never",
        (beat["version"] or "-") if beat else "-",
        "-" if seen is None else mark("ok", "serves") if seen["ok"] else mark("fail", seen["stage"]),
        _what(node, incident),
    )


def _what(node: Document, incident: Document | None) -> str:
    said = [incident["detail"]] if incident else []
    said += ["maintenance"] if node["maintenance"] else []
    said += [f"deployment {node['deployment']}"] if node["deployment"] else []
    said += [node["life"]] if node["life"] != "live" else []
    return "; ".join(said)


def notes(document: Document) -> list[str]:
    """What stands below the table: how many nodes in which state, and incidents that are of no single node."""
    states = [node["state"] for node in document["nodes"]]
    counts = ", ".join(f"{states.count(state)} {state}" for state in RANK if state in states)
    own = {node["incident"] for node in document["nodes"]}
    others = [each for each in document["incidents"] if each["id"] not in own]
    kinds = {"SEV1": "fail", "SEV2": "warn"}
    lines = [
        f"{mark(kinds[each['severity']], each['severity'])} {plain(each['node'])}: {plain(each['detail'])}"
        for each in others
    ]
    lines += [_window(each, document["timezone"]) for each in document["maintenance"][:WINDOWS_SHOWN]]
    open_now = len(document["incidents"])
    return [*lines, mark("fail", f"{open_now} open, {counts}") if open_now else mark("ok", counts)]


def _window(window: Document, timezone: str) -> str:
    begins_or_ends = of_watch(window["until"] or window["next"], timezone)
    when = f"{'until' if window['until'] else 'from'} {begins_or_ends}"
    reason = f": {window['reason']}" if window["reason"] else ""
    return mark("info" if window["until"] else "pending", f"maintenance of {', '.join(window['scope'])} {when}{reason}")


def _ago(at: str | None, now: str) -> str:
    from noc.watch.clock import from_iso, span  # noqa: PLC0415

    return "-" if at is None else span(from_iso(now) - from_iso(at))


def _follow(read: Callable[[], Document]) -> None:
    """Show it anew until Ctrl-C; a watch that does not answer is said, and asked again."""
    import time  # noqa: PLC0415

    from rich.live import Live  # noqa: PLC0415

    from noc.watch.errors import WatchUnreachable  # noqa: PLC0415

    shown, trouble = None, ""
    try:
        with Live(console=out, screen=out.is_terminal, auto_refresh=False) as live:
            while True:
                try:
                    shown, trouble = read(), ""
                except WatchUnreachable as error:
                    trouble = str(error)
                live.update(screen(shown, trouble), refresh=True)
                time.sleep(PAUSE_S)
    except KeyboardInterrupt:
        if trouble:
            err.print(plain(trouble))


def screen(document: Document | None, trouble: str) -> "RenderableType":
    """One look: the table with what stands below it, and on top of both why it may be old."""
    from rich.console import Group  # noqa: PLC0415

    parts: list[RenderableType] = [mark("warn", f"old: {trouble}")] if trouble else []
    if document is not None:
        now = of_watch(document["now"], document["timezone"])
        parts += [table_of(COLUMNS, rows(document)), *notes(document), f"as of {now}, Ctrl-C ends"]
    return Group(*parts)
