"""A run on the terminal: live rows where there is one, a line a transition where there is none, then the table."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import typer
from rich.console import Console
from rich.live import Live
from rich.table import Table

from noc.cli.output import err, mark, out, plain, print_json, print_table
from noc.cli.stopping import Stopping
from noc.errors import Interrupted, NocError
from noc.runs.errors import RunnerAbsent
from noc.runs.record.events import Event, State
from noc.runs.runner.client import Client
from noc.runs.runner.view import View, advance, as_document, line

_MARKS = {
    State.STARTED: "info",
    State.PROGRESS: "info",
    State.OK: "ok",
    State.FAILED: "fail",
    State.SKIPPED: "pending",
}


def execute(request: dict[str, Any], *, only_plan: bool, as_json: bool, wait_s: float = 0) -> None:
    """Plan, start and follow; ends the command with the run's exit code, or 130 where Ctrl-C stopped it.

    Args:
        request: action, nodes, release, options, as the runner's `plan` operation takes them.
        only_plan: show the plan and change nothing.
        as_json: one document on stdout.
        wait_s: seconds to wait for another run to end.
    """
    client = Client()
    plan = client.ask("plan", **request)["plan"]
    if only_plan:
        print_json(plan) if as_json else _show_plan(plan)
        return
    run, events = client.start(plan, wait_s=wait_s, heard=_tell)
    with Stopping(client, run) as stopping:
        view = follow(run, events)
    finish(view, as_json=as_json, exit_code=Interrupted.exit_code if stopping.asked else None)


def _tell(answer: Mapping[str, Any]) -> None:
    """Say what the runner is waiting for before it begins."""
    if "waiting" in answer:
        err.print(f"{mark('pending', '')}{plain(answer['waiting'])}", soft_wrap=True)


def follow(run: str, events: Iterable[Event]) -> View:
    """Show a run until its last record. KeyboardInterrupt leaves the run running, and says how to find it again."""
    try:
        view = _live(events) if err.is_terminal else _plain(events)
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
        err.print(f"{mark(_MARKS[event.state], '')}{plain(text)}", soft_wrap=True)


def _live(events: Iterable[Event]) -> View:
    view = View()
    terminal = Console(stderr=True, highlight=False)  # `err` does not fold lines, which would tear a live table
    with Live(get_renderable=lambda: _table(view), console=terminal, refresh_per_second=4, transient=True):
        for event in events:
            view = advance(view, event)
    return view


def _table(view: View) -> Table:
    now = datetime.now(UTC)
    table = Table(box=None, pad_edge=False, header_style="bold", title=f"{view.what}  {view.run}", title_justify="left")
    table.caption, table.caption_justify = _progress(view, now), "left"
    for name in ("node", "state", "step", "elapsed", "from → to", ""):
        table.add_column(name)
    for name, row in view.rows.items():
        state = mark(_MARKS[row.state], row.state.value) if row.since else mark("pending", "waiting")
        elapsed = f"{(now - row.since).total_seconds():.0f} s" if row.since and _under_way(row.state) else ""
        change = f"{row.before or '-'} → {view.target}" if view.target else ""
        table.add_row(name, state, row.step, elapsed, change, plain(row.words[:80]))
    return table


def _under_way(state: State) -> bool:
    return state in (State.STARTED, State.PROGRESS)


def _progress(view: View, now: datetime) -> str:
    left = view.time_left(now)
    estimate = f", about {left.total_seconds():.0f} s left" if left else ""
    return f"{len(view.finished())} of {len(view.rows)} done, {len(view.failed())} failed{estimate}"


def print_result(view: View) -> None:
    """Write a run's table to stdout; reasons and last log lines of failures to stderr."""
    rows = [
        (
            verdict.node,
            verdict.before or "-",
            verdict.now or "-",
            mark("ok" if verdict.good else "pending" if verdict.verdict == "untouched" else "fail", verdict.verdict),
        )
        for verdict in view.verdicts
    ]
    print_table(("node", "before", "now", "verdict"), rows)
    for verdict in view.verdicts:
        if verdict.why and not verdict.good:
            err.print(f"{mark('fail', verdict.node)}  {plain(verdict.why)}", soft_wrap=True)
        for text in view.log.get(verdict.node, ()):
            err.print(f"  | {plain(text)}", soft_wrap=True)
    if view.error:
        error = NocError(view.error["what"], why=view.error.get("why", ""), fix=view.error.get("fix", ""))
        err.print(f"{mark('fail', 'run')}  {plain(str(error).replace('NOC-E000', view.error['code']))}", soft_wrap=True)
    out.print(f"run {view.run}")


def _show_plan(plan: dict[str, Any]) -> None:
    print_table(("position", "node"), [(str(number), name) for number, name in enumerate(plan["nodes"], 1)])
    release = f", release {plan['version']} (build {plan['build']}) {plan['release'][:12]}" if plan["release"] else ""
    out.print(f"{plan['action']}{release}\ndigest {plan['digest']}")
