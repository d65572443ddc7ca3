"""`noc doctor`: what is due, overdue or missing, each with what mends it."""

from typing import Any

import typer

from noc.cli.options import JsonOption
from noc.cli.output import err, mark, out, plain, print_json, print_table

app = typer.Typer(add_completion=False)

WITHIN_S = 60.0
_MARKS = {"ok": "ok", "due": "warn", "wrong": "fail"}


@app.command()
def doctor(*, as_json: JsonOption = False) -> None:
    """What HQ looks after over the months: backups, secrets and their age, jobs. What is wrong stands first.

    Nothing is asked of a node, and nothing is changed. Returns 0 where all is well or merely due, 1 where something is
    wrong.
    """
    from noc.runs.runner.client import Client  # noqa: PLC0415 - help stays light

    answer = Client().ask("doctor", nodes=[], timeout_s=WITHIN_S)
    if as_json:
        print_json(answer)
    else:
        _show(answer)
    if answer["wrong"]:
        raise typer.Exit(1)


def _show(answer: dict[str, Any]) -> None:
    lines = answer["lines"]
    rows = [(mark(_MARKS[line["state"]], line["state"]), line["subject"], line["what"], line["says"]) for line in lines]
    print_table(("", "of", "what", "seen"), rows)
    for line in lines:
        if line["fix"] and line["state"] != "ok":
            err.print(f"{plain(line['subject'])} {plain(line['what'])}: {plain(line['fix'])}", soft_wrap=True)
    if answer["wrong"]:
        out.print(mark("fail", f"{answer['wrong']} wrong, {answer['due']} due"))
    else:
        out.print(mark("warn", f"{answer['due']} due") if answer["due"] else mark("ok", "nothing is due"))
