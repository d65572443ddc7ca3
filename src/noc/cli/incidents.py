"""`noc incidents`: what is wrong now, and what was."""

from typing import Annotated, Any

import typer

from noc.cli.completion import node_names
from noc.cli.options import AtOption, JsonOption
from noc.cli.output import Marked, mark, out, print_json, print_table
from noc.cli.times import of_watch

app = typer.Typer(add_completion=False)


@app.command()
def incidents(
    *,
    everything: Annotated[bool, typer.Option("--all", help="Closed ones too, the newest 100.")] = False,
    node: Annotated[
        str, typer.Option("--node", metavar="NODE", help="Only this node's.", autocompletion=node_names)
    ] = "",
    since: Annotated[
        str | None, typer.Option("--since", metavar="SPAN", help="What was open within this span, closed or not: 24h.")
    ] = None,
    as_json: JsonOption = False,
    at: AtOption = None,
) -> None:
    """List incidents: open ones first."""
    from urllib.parse import urlencode  # noqa: PLC0415 - help stays light

    from noc.watch.server.client import ask  # noqa: PLC0415

    document = ask(f"/api/v1/incidents?{urlencode(_query(node, since, closed=everything))}", at=at)
    if as_json:
        print_json(document)
    elif not document["incidents"]:
        out.print(mark("ok", "no incident" if everything or since else "no open incident"))
    else:
        now, timezone = document["now"], document["timezone"]
        rows = [_row(incident, now, timezone) for incident in document["incidents"]]
        print_table(("id", "severity", "node", "since", "for", "taken over", "what"), rows)


def _query(node: str, since: str | None, *, closed: bool) -> dict[str, str]:
    from noc.fleet.spans import read_span  # noqa: PLC0415
    from noc.watch.clock import iso, now  # noqa: PLC0415

    query = {} if closed or since else {"open": "1"}
    if node:
        query["node"] = node
    if since:
        query["since"] = iso(now().wall - read_span(since))
    return query


def _row(incident: dict[str, Any], now: str, timezone: str) -> tuple[str, ...]:
    return (
        str(incident["id"]),
        severity(incident),
        incident["node"],
        of_watch(incident["started_at"], timezone),
        lasted(incident, now),
        incident["acknowledged_by"] or "-",
        what(incident),
    )


def severity(incident: dict[str, Any]) -> Marked:
    """An incident's severity as it stands, or stood when it ended."""
    if incident["ended_at"]:
        return mark("ok", f"closed {incident['severity']}")
    return mark("fail" if incident["severity"] == "SEV1" else "warn", incident["severity"])


def lasted(incident: dict[str, Any], now: str) -> str:
    """For how long an incident has stood, or stood."""
    from noc.watch.clock import from_iso, span  # noqa: PLC0415

    return span(from_iso(incident["ended_at"] or now) - from_iso(incident["started_at"]))


def what(incident: dict[str, Any]) -> str:
    """What an incident is about: the rule where it is one's, the cause, the part at fault, and how it ended."""
    about = "" if incident["topic"] == "liveness" else f"{incident['topic']}: "
    fault = f" (at fault: {incident['verdict']})" if incident["verdict"] else ""
    ending = f"; {incident['end_reason']}" if incident["end_reason"] else ""
    return f"{about}{incident['detail']}{fault}{ending}"
