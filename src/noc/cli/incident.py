"""`noc incident`: one incident, and what a person does about it."""

from typing import Annotated, Any

import typer

from noc.cli.alert import outcome
from noc.cli.incidents import lasted, severity, what
from noc.cli.options import AtOption, JsonOption
from noc.cli.output import Marked, mark, out, plain, print_json, print_table
from noc.cli.times import of_watch

app = typer.Typer(add_completion=False, no_args_is_help=True)

IdArgument = Annotated[int, typer.Argument(metavar="ID", min=0, help="Its number, as noc incidents lists it.")]

_SAID = ("severity", "why", "channel", "error", "who", "note", "run")


@app.callback()
def incident() -> None:
    """One incident: how it went, who was told, who takes it over."""


@app.command()
def show(number: IdArgument, *, as_json: JsonOption = False, at: AtOption = None) -> None:
    """Show how an incident went: what happened, what people wrote, and what became of each message about it."""
    from noc.watch.server.client import ask  # noqa: PLC0415 - help stays light

    story = ask(f"/api/v1/incidents/{number}", at=at)
    if as_json:
        print_json(story)
        return
    _head(story)
    print_table(("when", "what"), _turns(story))
    if story["incident"]["alerts"]:
        rows = [_message(alert, story["timezone"]) for alert in story["incident"]["alerts"]]
        print_table(
            ("channel", "message", "outcome", "when", "failed tries", "last error"), rows, title="\nwho was told"
        )


@app.command()
def ack(
    number: IdArgument,
    *,
    note: Annotated[str, typer.Option("--note", metavar="TEXT", help="What the others should know.")] = "",
    as_json: JsonOption = False,
    at: AtOption = None,
) -> None:
    """Take an open incident over: nobody is reminded of it any more, and the others hear who looks after it."""
    _post(number, "ack", {"note": note}, at)
    if as_json:
        print_json({"incident": number, "acknowledged": True})
    else:
        out.print(mark("ok", f"incident {number} is yours"))


@app.command("note")
def write_note(
    number: IdArgument,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="What is to be remembered of it.")],
    *,
    as_json: JsonOption = False,
    at: AtOption = None,
) -> None:
    """Write something about an incident, open or over."""
    _post(number, "notes", {"text": text}, at)
    if as_json:
        print_json({"incident": number, "noted": True})
    else:
        out.print(mark("ok", f"written to incident {number}"))


def _post(number: int, act: str, body: dict[str, str], at: str | None) -> None:
    from noc.watch.server.client import ask  # noqa: PLC0415

    ask(f"/api/v1/incidents/{number}/{act}", method="POST", body=body, at=at)


def _head(story: dict[str, Any]) -> None:
    found = story["incident"]
    out.print(f"{severity(found)}  {plain(found['node'])}, {lasted(found, story['now'])}: {plain(what(found))}")
    if found["acknowledged_by"]:
        note = f": {found['acknowledged_note']}" if found["acknowledged_note"] else ""
        out.print(plain(f"taken over by {found['acknowledged_by']}{note}"))
    if found["parent"] is not None:
        out.print(f"part of incident {found['parent']}, which speaks for it")


def _turns(story: dict[str, Any]) -> list[tuple[str, str]]:
    """What happened and what people wrote, in order of time."""
    written = [(note["at"], f"{note['who']}: {note['text']}") for note in story["notes"]]
    happened = [(event["at"], _event(event)) for event in story["events"] if event["kind"] != "note"]
    return [(of_watch(at, story["timezone"]), text) for at, text in sorted(happened + written)]


def _event(event: dict[str, Any]) -> str:
    detail = event["detail"]
    said = [str(detail[key]) for key in _SAID if detail.get(key)]
    return f"{event['kind'].replace('-', ' ')}{': ' if said else ''}{', '.join(said)}"


def _message(alert: dict[str, Any], timezone: str) -> tuple[str | Marked, ...]:
    when = of_watch(alert["sent_at"] or alert["due_at"], timezone)
    return alert["channel"], alert["kind"], outcome(alert), when, str(alert["failed_tries"]), alert["last_error"] or ""
