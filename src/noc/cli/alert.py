"""`noc alert`: the ways to people, and what goes out on them."""

from typing import Annotated, Any, Final

import typer

from noc.cli.options import AtOption, JsonOption
from noc.cli.output import Marked, mark, out, plain, print_json, print_table
from noc.cli.times import of_watch

app = typer.Typer(add_completion=False, no_args_is_help=True)

TEST_WITHIN_S: Final = 60.0
"""Longer than a channel that is busy and then silent takes to say so."""

_OUTCOMES: Final = {"sent": "ok", "told": "ok", "waiting": "pending", "expired": "warn", "failed": "fail"}


@app.callback()
def alert() -> None:
    """What people are told: the channels, a test of one, and the messages that wait or went out."""


@app.command("test")
def send_test(
    channel: Annotated[str, typer.Argument(metavar="CHANNEL", help="Its name: ntfy, or one of [[channel]].")],
    *,
    as_json: JsonOption = False,
    at: AtOption = None,
) -> None:
    """Send a test through a channel of the running watch, and say whether it truly arrived at the service.

    It takes the way of every alert, with the watch's own credential. Look at your phone as well: what the service does
    with it is the service's affair.
    """
    from urllib.parse import quote  # noqa: PLC0415 - help stays light

    from noc.watch.errors import AlertNotSent  # noqa: PLC0415
    from noc.watch.server.client import ask  # noqa: PLC0415

    path = f"/api/v1/channels/{quote(channel, safe='')}/test"
    result = ask(path, method="POST", at=at, timeout_s=TEST_WITHIN_S)
    if not result["sent"]:
        raise AlertNotSent(f"the test did not go out on {channel}", why=result["error"], fix="noc alert check")
    if as_json:
        print_json(result)
    else:
        out.print(mark("ok", f"{channel} took the test after {result['took_s']:.1f} s"))


@app.command("list")
def list_(
    *,
    everything: Annotated[bool, typer.Option("--all", help="What went out too, the newest 100.")] = False,
    as_json: JsonOption = False,
    at: AtOption = None,
) -> None:
    """List the messages that wait, the newest first."""
    from noc.watch.server.client import ask  # noqa: PLC0415

    document = ask("/api/v1/alerts" + ("" if everything else "?waiting=1"), at=at)
    if as_json:
        print_json(document)
    elif not document["alerts"]:
        out.print(mark("ok", "no message yet" if everything else "nothing waits"))
    else:
        rows = [_row(each, document["timezone"]) for each in document["alerts"]]
        print_table(("queued", "channel", "about", "message", "outcome", "due", "failed tries", "last error"), rows)


@app.command()
def check(*, as_json: JsonOption = False, at: AtOption = None) -> None:
    """Check every channel: whether its settings can be relied on, what waits, and when it last worked.

    Returns 1 where a channel fails: a topic that anybody can read and write, a secret that is missing or lies open, an
    address without verified TLS.
    """
    from noc.watch.server.client import ask  # noqa: PLC0415

    document = ask("/api/v1/channels", at=at)
    if as_json:
        print_json(document)
    else:
        rows = [row for each in document["channels"] for row in _channel(each, document["timezone"])]
        print_table(("channel", "", "what", "waiting", "last sent"), rows)
    if any(each["state"] == "fail" for each in document["channels"]):
        raise typer.Exit(1)


@app.command()
def briefing(*, as_json: JsonOption = False, at: AtOption = None) -> None:
    """Show the day's briefing as it would be sent now."""
    from noc.watch.server.client import ask  # noqa: PLC0415

    document = ask("/api/v1/briefing", at=at)
    if as_json:
        print_json(document)
    else:
        out.print(plain(f"{document['title']}\n{document['text']}"))


def _row(alert: dict[str, Any], timezone: str) -> tuple[str | Marked, ...]:
    about = f"{alert['incident']} {alert['node']}" if alert["incident"] is not None else "-"
    queued, due = (of_watch(alert[key], timezone) for key in ("created_at", "due_at"))
    tries, error = str(alert["failed_tries"]), alert["last_error"] or ""
    return queued, alert["channel"], about, alert["kind"], outcome(alert), due, tries, error


def _channel(channel: dict[str, Any], timezone: str) -> list[tuple[str | Marked, ...]]:
    name, waiting = channel["name"], str(channel["waiting"])
    rows: list[tuple[str | Marked, ...]] = []
    for finding in channel["findings"]:
        fix = f"; fix: {finding['fix']}" if finding["fix"] else ""
        state = mark(finding["state"], finding["state"])
        rows.append((name, state, f"{finding['what']}{fix}", waiting, of_watch(channel["sent_at"], timezone)))
    if channel["last_error"]:
        rows.append(
            (name, mark("warn", "late"), channel["last_error"], waiting, of_watch(channel["oldest_at"], timezone))
        )
    return rows


def outcome(message: dict[str, Any]) -> Marked:
    """What became of a message on its channel."""
    return mark(_OUTCOMES[message["outcome"]], message["outcome"])
