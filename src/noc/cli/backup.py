"""`noc backup`: copies of the nodes' databases on HQ: taken, listed, verified."""

from collections.abc import Iterator
from typing import Annotated, Any

import typer

from noc.cli import backup_keys
from noc.cli.completion import node_names_or
from noc.cli.options import JsonOption, PlanOption, WaitOption
from noc.cli.output import Marked, err, mark, out, plain, print_json, print_table
from noc.cli.sizes import shown_size

app = typer.Typer(add_completion=False, no_args_is_help=True, help="Copies of the nodes' databases on HQ.")

_VERIFIED_S = 3600.0
_LISTED = 5

Nodes = Annotated[
    list[str] | None,
    typer.Argument(metavar="[NODE...|all]", help="Default: all.", autocompletion=node_names_or("all")),
]


@app.command()
def run(
    nodes: Nodes = None, *, only_plan: PlanOption = False, wait_s: WaitOption = 0, as_json: JsonOption = False
) -> None:
    """Back nodes up, four at a time, while their services go on.

    Each node copies its database, puts the copy together again from its chunks, opens it and counts it; then HQ
    fetches the chunks that it does not hold, and seals each to a key that it cannot open. A node that is down is
    skipped; one that fails does not hold the others. A backup that was cut is not listed, and the next one goes on
    where it was.
    """
    from noc.cli.following import execute  # noqa: PLC0415 - help stays light

    request: dict[str, Any] = {"action": "backup", "nodes": nodes or ["all"]}
    execute(request, only_plan=only_plan, as_json=as_json, wait_s=wait_s)


@app.command("list")
def list_backups(
    nodes: Nodes = None,
    *,
    all_of_them: Annotated[bool, typer.Option("--all", help="Every backup, not only the newest of each node.")] = False,
    as_json: JsonOption = False,
) -> None:
    """List backups: how old, how large, how much of it was new; and when a restore was last rehearsed."""
    from noc.runs.runner.client import Client  # noqa: PLC0415 - help stays light

    found = Client().ask("backups", nodes=nodes or ["all"], timeout_s=_VERIFIED_S)
    if as_json:
        print_json(found)
        return
    most = None if all_of_them or (nodes and nodes != ["all"]) else 1
    columns = ("node", "backup", "age", "size", "new", "chunks", "rows", "epoch", "rehearsed")
    print_table(columns, [row for node in found["nodes"] for row in _rows(node, most)])
    for node in found["nodes"]:
        for why in node["damaged"].values():
            err.print(f"{mark('fail', node['node'])}  {plain(why)}", soft_wrap=True)


@app.command()
def verify(nodes: Nodes = None, *, as_json: JsonOption = False) -> None:
    """Hold every file of every backup against what was written down of it. No identity is needed for that.

    It finds what is missing, cut or changed by a single bit. That what was sealed can be opened and is the database is
    what noc backup rehearse proves. Returns 1 where anything is wrong.
    """
    from noc.runs.runner.client import Client  # noqa: PLC0415 - help stays light

    found = Client().ask("backup-verify", nodes=nodes or ["all"], timeout_s=_VERIFIED_S)
    if as_json:
        print_json(found)
    else:
        _show_verified(found["nodes"])
    if any(each["problems"] for node in found["nodes"] for each in node["backups"]):
        raise typer.Exit(1)


backup_keys.mount(app)


def _rows(node: dict[str, Any], most: int | None) -> Iterator[tuple[str, ...]]:
    rehearsed = f"{node['rehearsed'][:16].replace('T', ' ')}" if node["rehearsed"] else "never"
    if not node["backups"]:
        yield node["node"], mark("fail" if node["overdue"] else "pending", "none"), *["-"] * 7
    for place, each in enumerate(node["backups"][:most]):
        yield (
            node["node"],
            each["name"],
            _age(each["age_s"], overdue=node["overdue"] and place == 0),
            shown_size(each["bytes"]),
            shown_size(each["added"]),
            str(each["chunks"]),
            str(each["rows"]),
            each["epoch"],
            rehearsed if place == 0 else "",
        )


def _age(seconds: float, *, overdue: bool) -> str | Marked:
    from noc.runs.admission.clock import lasting  # noqa: PLC0415 - help stays light

    words = lasting(seconds)
    return mark("fail", f"{words}, overdue") if overdue else words


def _show_verified(nodes: list[dict[str, Any]]) -> None:
    rows = []
    for node in nodes:
        wrong = sum(bool(each["problems"]) for each in node["backups"])
        word = mark("fail", f"{wrong} damaged") if wrong else mark("ok", "whole") if node["backups"] else "-"
        rows.append((node["node"], str(len(node["backups"])), word))
    print_table(("node", "backups", "verdict"), rows)
    for node in nodes:
        for each in node["backups"]:
            for problem in each["problems"][:_LISTED]:
                out.print(f"{mark('fail', node['node'])}  {plain(each['name'])}: {plain(problem)}", soft_wrap=True)
            if (left := len(each["problems"]) - _LISTED) > 0:
                out.print(plain(f"   and {left} more"), soft_wrap=True)
