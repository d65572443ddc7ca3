"""`noc incidents`: what is wrong now, and what was."""

from typing import Annotated, Any

import typer

from noc.cli.options import JsonOption
from noc.cli.output import mark, out, print_json, print_table

app = typer.Typer(add_completion=False)


@app.command()
def incidents(
    *,
    everything: Annotated[bool, typer.Option("--all", help="Closed ones too, the newest 100.")] = False,
    as_json: JsonOption = False,
    at: Annotated[
        str | None, typer.Option("--at", metavar="unix:PATH|127.0.0.1:PORT", help="The watch's local listener.")
    ] = None,
) -> None:
    """List incidents: open ones first."""
    from noc.watch.server.client import ask  # noqa: PLC0415

    document = ask("/api/v1/incidents" + ("" if everything else "?open=1"), at=at)
    if as_json:
        print_json(document)
    elif not document["incidents"]:
        out.print(mark("ok", "no incident" if everything else "no open incident"))
    else:
        now, timezone = document["now"], document["timezone"]
        rows = [_row(incident, now, timezone) for incident in document["incidents"]]
        print_table(("id", "severity", "node", "since", "for", "what"), rows)


def _row(incident: dict[str, Any], now: str, timezone: str) -> tuple[str, ...]:
    from noc.watch.clock import (  # noqa: PLC0415
        from_iso,
        local,
        span,
    )

    started, ended = from_iso(incident["started_at"]), incident["ended_at"]
    lasted = span((from_iso(ended) if ended else from_iso(now)) - started)
    state = mark("ok", f"closed {incident['severity']}") if ended else mark(_kind(incident), incident["severity"])
    what = f"{incident['detail']}; {incident['end_reason']}" if ended else incident["detail"]
    return str(incident["id"]), state, incident["node"], local(started, timezone), lasted, what


def _kind(incident: dict[str, Any]) -> str:
    return "fail" if incident["severity"] == "SEV1" else "warn"
