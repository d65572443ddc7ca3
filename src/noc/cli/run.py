"""`noc run`: what runs did, and the daemon that carries them out."""

from typing import Annotated, Any

import typer

from noc.cli.options import JsonOption, WaitOption
from noc.cli.output import mark, out, print_json, print_table

app = typer.Typer(add_completion=False, no_args_is_help=True, help="Show, follow, pause or go on with a run.")

_MARKS = {"ok": "ok", "failed": "fail", "running": "info", "interrupted": "warn", "broken": "fail"}


@app.command("list")
def list_runs(*, as_json: JsonOption = False) -> None:
    """List runs, the newest first."""
    from noc.runs.runner.client import Client  # noqa: PLC0415 - help stays light

    runs = Client().ask("list")["runs"]
    if as_json:
        print_json({"runs": runs})
        return
    print_table(("run", "what", "by", "outcome"), [_row(run) for run in runs])


@app.command()
def show(
    run: Annotated[str, typer.Argument(help="A run's id, its last four digits, or last.")] = "last",
    *,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Show what happens, until the run ends.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Show what a run did; with --follow until it ends, and then with its exit code."""
    from noc.cli.following import finish  # noqa: PLC0415
    from noc.cli.following import follow as follow_run  # noqa: PLC0415
    from noc.runs.runner.client import Client  # noqa: PLC0415

    client = Client()
    shown = client.ask("show", run=run)
    if follow:
        name = shown["run"]["run"]
        finish(follow_run(name, client.follow(name)), as_json=as_json)
    elif as_json:
        print_json({**shown["run"], "events": shown["events"]})
    else:
        _show(shown)


@app.command()
def resume(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run's id, its last four digits, or last.")],
    *,
    wait_s: WaitOption = 0,
    as_json: JsonOption = False,
) -> None:
    """Go on with a rollout that was cut or halted, where its journal ends, under the approval that it began with.

    Nodes are asked what became of them: one that waits for its confirmation is proven and confirmed, one that has
    turned back is changed anew, and what was confirmed is looked at again. No node is changed twice.
    """
    from noc.cli.following import drive, tell  # noqa: PLC0415
    from noc.runs.runner.client import Client  # noqa: PLC0415

    client = Client()
    drive(client, *client.resume(run, wait_s=wait_s, heard=tell), as_json=as_json)


@app.command()
def pause(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run's id, its last four digits, or last.")] = "last",
    *,
    as_json: JsonOption = False,
) -> None:
    """End a run at its next step, as Ctrl-C in the command that follows it does; noc run resume goes on with it.

    A node in hand that is not proven is turned back, one that is proven is confirmed, and no other is begun.
    """
    from noc.runs.runner.client import Client  # noqa: PLC0415

    client = Client()
    name = client.ask("stop", run=client.ask("show", run=run)["run"]["run"])["run"]
    print_json({"run": name}) if as_json else out.print(f"run {name} ends at its next step")


@app.command(hidden=True)
def serve() -> None:
    """Be the runner: started by systemd as noc-runner."""
    from noc.runs.runner.daemon import main  # noqa: PLC0415

    main()


def _row(run: dict[str, Any]) -> tuple[str, ...]:
    return run["run"], run.get("what", ""), run.get("by", ""), mark(_MARKS[run["outcome"]], run["outcome"])


def _show(shown: dict[str, Any]) -> None:
    from noc.cli.following import print_line, print_result  # noqa: PLC0415
    from noc.runs.record.events import Event  # noqa: PLC0415
    from noc.runs.runner.view import View, advance  # noqa: PLC0415

    view = View()
    for document in shown["events"]:
        event = Event.model_validate(document)
        view = advance(view, event)
        print_line(event)
    print_result(view)
