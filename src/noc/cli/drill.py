"""`noc drill`: break something on purpose, and see it noticed, told and mended within what is promised."""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from noc.cli.completion import node_names
from noc.cli.options import JsonOption, PlanOption, WaitOption
from noc.cli.output import err, mark, out, plain, print_json, print_table

if TYPE_CHECKING:
    from noc.runs.record.events import Event
    from noc.runs.runner.view import View

app = typer.Typer(add_completion=False)
_MARKS = {"held": "ok", "missed": "fail", "not done": "pending"}
_ROOT = ("hq-down", "all")


@app.command()
def drill(
    fault: Annotated[
        str,
        typer.Argument(
            metavar="FAULT", help="kill, reboot, cut, disk-full, clock, bad-release, hq-down, hq-lost, or all."
        ),
    ],
    nodes: Annotated[
        list[str] | None,
        typer.Argument(metavar="NODE...", help="Live nodes; with all every live one.", autocompletion=node_names),
    ] = None,
    *,
    release: Annotated[str, typer.Option("--release", metavar="SHA", help="The bad release, which has to fail.")] = "",
    lasts: Annotated[
        float | None, typer.Option("--for", metavar="SECONDS", min=1, max=3600, help="How long the fault lasts.")
    ] = None,
    only_plan: PlanOption = False,
    wait_s: WaitOption = 0,
    as_json: JsonOption = False,
) -> None:
    """Break something on purpose, and see it noticed, told and mended within what is promised.

    Each fault mends itself, by a timer where it was made. Outside a lab somebody has to agree, whatever the fleet file
    says. hq-down and all take root on HQ: the watch is stopped by this command. Exit 1 where a promise is missed.
    """
    options: dict[str, Any] = {"drill": fault, "hold": lasts}
    _check(fault, nodes or [], only_plan=only_plan)
    whole = fault in _ROOT and not nodes
    request = {"action": "drill", "nodes": ["all"] if whole else nodes or [], "options": options}
    if release:
        request["release"] = release
    _execute(request, only_plan=only_plan, wait_s=wait_s, as_json=as_json)


def _check(fault: str, nodes: list[str], *, only_plan: bool) -> None:
    from noc.errors import Usage  # noqa: PLC0415
    from noc.runs.drill.errors import DrillNeedsRoot, DrillNotPossible  # noqa: PLC0415

    if fault == "hq-lost":
        why = "it destroys HQ's disk, and brings HQ back from its backup, which takes the machine outside"
        raise DrillNotPossible(
            "a lost HQ is rehearsed in the lab alone",
            why=why,
            fix="noc pilot --drills, on a machine with a lab; docs/hq-lost.md says what it does",
        )
    if not nodes and fault not in _ROOT:
        raise Usage(f"noc drill {fault} takes a node", fix=f"noc drill {fault} NODE")
    if fault in _ROOT and os.geteuid() != 0 and not only_plan:
        raise DrillNeedsRoot("HQ's watch is root's to stop", fix=f"sudo noc drill {fault}, on HQ")


def _execute(request: dict[str, Any], *, only_plan: bool, wait_s: float, as_json: bool) -> None:
    """Plan, start, follow, and print the table."""
    from noc.cli.following import follow, tell  # noqa: PLC0415
    from noc.cli.planned import show_plan  # noqa: PLC0415
    from noc.cli.stopping import Stopping  # noqa: PLC0415
    from noc.errors import Interrupted  # noqa: PLC0415
    from noc.runs.runner.client import Client  # noqa: PLC0415
    from noc.runs.runner.view import as_document  # noqa: PLC0415

    client = Client()
    answer = client.ask("plan", timeout_s=60, **request)
    if only_plan:
        raise typer.Exit(show_plan(answer, as_json=as_json))
    run, events = client.start(answer["plan"], wait_s=wait_s, heard=tell)
    table: list[dict[str, Any]] = []
    with Stopping(client, run) as stopping:
        view = follow(run, _attended(events, table))
    if as_json:
        print_json(as_document(view) | {"drills": table})
    else:
        show_table(table)
        _close(view)
    if code := Interrupted.exit_code if stopping.asked else view.exit_code:
        raise typer.Exit(code)


def _attended(events: Iterable["Event"], table: list[dict[str, Any]]) -> Iterator["Event"]:
    """The records of a run as they come: rows of the table are kept, and the watch is stopped when that is asked."""
    from noc.hub.absence import stop_watch  # noqa: PLC0415
    from noc.runs.drill.drill import MEASURED  # noqa: PLC0415
    from noc.runs.drill.hqdown import STEP  # noqa: PLC0415

    for event in events:
        if event.step == MEASURED:
            table.append({"node": event.node} | {name: what for name, what in event.detail.items() if name != "say"})
        elif event.step == STEP and "hold_s" in event.detail:
            stop_watch(float(event.detail["hold_s"]))
        yield event


def show_table(table: Sequence[Mapping[str, Any]]) -> None:
    """Print what drills came to, a row each, and why where one was missed or left out."""
    print_table(
        ("fault", "node", "noticed after / bound", "told after / bound", "over after / bound", "verdict"),
        [
            (
                row["fault"],
                row["node"],
                *(_cell(row[name], row["bounds"][name]) for name in ("noticed_s", "told_s", "over_s")),
                mark(_MARKS[row["verdict"]], row["verdict"]),
            )
            for row in table
        ],
    )
    for row in table:
        if row["why"]:
            err.print(f"{mark(_MARKS[row['verdict']], row['fault'])}  {plain(row['why'])}", soft_wrap=True)


def _close(view: "View") -> None:
    """What made the run end before its time, how long it took, and where it is found."""
    from noc.runs.runner.view import closing  # noqa: PLC0415

    if view.error:
        err.print(f"{mark('fail', view.error['code'])}  {plain(view.error['what'])}", soft_wrap=True)
    out.print(plain(closing(view)))
    out.print(f"run {view.run}")


def _cell(took: float | None, promised: float | None) -> str:
    return plain(f"{'-' if took is None else f'{took:.1f} s'} / {'-' if promised is None else f'{promised:g} s'}")
