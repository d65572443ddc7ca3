"""A run on the terminal: live rows where there is one, a line a transition where there is none, then the table."""

from collections.abc import Iterable, Mapping
from typing import Any

import typer

from noc.cli.live import MARKS, watch_live
from noc.cli.output import err, mark, out, plain, print_json, print_table
from noc.cli.planned import show_plan
from noc.cli.stopping import Stopping
from noc.errors import Interrupted, NocError
from noc.runs.errors import RunnerAbsent
from noc.runs.record.events import Event
from noc.runs.runner.client import Client
from noc.runs.runner.telling import line
from noc.runs.runner.view import View, advance, as_document, closing

_LEFT = frozenset({"untouched", "skipped", "halted"})
"""Verdicts of nodes that are left as they were, for no fault of theirs."""
_PLAN_S = 900.0
"""Seconds for a plan: nodes may have to ask their archive for updates."""


def execute(request: dict[str, Any], *, only_plan: bool, as_json: bool, wait_s: float = 0) -> None:
    """Plan, start and follow; ends the command with the run's exit code, or 130 where Ctrl-C stopped it.

    Args:
        request: action, nodes, release, options, as the runner's `plan` operation takes them.
        only_plan: show the plan and change nothing.
        as_json: one document on stdout.
        wait_s: seconds to wait for another run to end.
    """
    client = Client()
    answer = client.ask("plan", timeout_s=_PLAN_S, **request)
    if only_plan:
        if code := show_plan(answer, as_json=as_json):
            raise typer.Exit(code)
        return
    drive(client, *client.start(answer["plan"], wait_s=wait_s, heard=tell), as_json=as_json)


def drive(client: Client, run: str, events: Iterable[Event], *, as_json: bool) -> None:
    """Follow a run that this command has begun; ends the command with the run's exit code, or 130 after a Ctrl-C.

    Args:
        client: what it was begun through.
        run: its id.
        events: its records.
        as_json: one document on stdout.
    """
    with Stopping(client, run) as stopping:
        view = follow(run, events)
    finish(view, as_json=as_json, exit_code=Interrupted.exit_code if stopping.asked else None)


def tell(answer: Mapping[str, Any]) -> None:
    """Say what the runner is waiting for before it begins."""
    if "waiting" in answer:
        err.print(f"{mark('pending', '')}{plain(answer['waiting'])}", soft_wrap=True)


def follow(run: str, events: Iterable[Event]) -> View:
    """Show a run until its last record. KeyboardInterrupt leaves the run running, and says how to find it again."""
    try:
        view = watch_live(events) if err.is_terminal else _plain(events)
    except KeyboardInterrupt:
        raise Interrupted(f"run {run} goes on, unwatched", fix=f"noc run show {run} --follow finds it again") from None
    if view.exit_code is None:
        raise RunnerAbsent(f"run {run} is out of sight", why="its last record did not come", fix=f"noc run show {run}")
    return view


def finish(view: View, *, as_json: bool, exit_code: int | None = None) -> None:
    """Print the result, and end the command with the run's exit code, or with another one where one is given."""
    if as_json:
        print_json(as_document(view))
    else:
        print_result(view)
    if code := view.exit_code if exit_code is None else exit_code:
        raise typer.Exit(code)


def _plain(events: Iterable[Event]) -> View:
    view = View()
    for event in events:
        view = advance(view, event)
        print_line(event)
    return view


def print_line(event: Event) -> None:
    """Write one record to stderr, as one line; the run's own records are not shown."""
    if text := line(event):
        err.print(f"{mark(MARKS[event.state], '')}{plain(text)}", soft_wrap=True)


def print_result(view: View) -> None:
    """Write a run's table to stdout; reasons and last log lines of failures to stderr."""
    rows = [
        (
            verdict.node,
            verdict.before or "-",
            verdict.now or "-",
            mark("ok" if verdict.good else "pending" if verdict.verdict in _LEFT else "fail", verdict.verdict),
        )
        for verdict in view.verdicts
    ]
    print_table(("node", "before", "now", "verdict"), rows)
    for verdict in view.verdicts:
        if verdict.why:
            err.print(f"{mark('warn' if verdict.good else 'fail', verdict.node)}  {plain(verdict.why)}", soft_wrap=True)
        for text in view.log.get(verdict.node, ()):
            err.print(f"  | {plain(text)}", soft_wrap=True)
    if view.error:
        error = NocError(view.error["what"], why=view.error.get("why", ""), fix=view.error.get("fix", ""))
        err.print(f"{mark('fail', 'run')}  {plain(str(error).replace('NOC-E000', view.error['code']))}", soft_wrap=True)
    if told := closing(view):
        out.print(plain(told))
    out.print(f"run {view.run}")
