"""`noc halt`: stop everything at the next step, and keep new runs out."""

from typing import Annotated, Any

import typer

from noc.cli.options import JsonOption
from noc.cli.output import mark, out, plain, print_json
from noc.cli.standing import halt_sentence, read_state, show_order
from noc.errors import Usage

app = typer.Typer(add_completion=False)

_BLOCKED = 7


@app.command()
def halt(
    *,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; whoever meets the halt reads it.")] = "",
    lift: Annotated[bool, typer.Option("--lift", help="Let runs begin again.")] = False,
    show: Annotated[bool, typer.Option("--show", help="Say whether a halt stands, and change nothing.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Stop everything at the next step, and keep new runs out until it is lifted.

    A run that is under way turns the node in hand back, unless that is proven, and begins no other. The halt outlives
    the runner and the machine. With --show the command returns 7 while a halt stands, and 0 otherwise.
    """
    if lift + show + bool(reason) > 1:
        raise Usage("--reason, --lift and --show exclude each other", fix="noc halt --help")
    if show:
        _show(as_json=as_json)
    elif lift:
        _lift(as_json=as_json)
    else:
        _halt(reason, as_json=as_json)


def _show(*, as_json: bool) -> None:
    order = read_state()["halt"]
    if as_json:
        print_json({"halt": order})
    elif order:
        show_order(order)
    else:
        out.print("nothing is halted")
    if order:
        raise typer.Exit(_BLOCKED)


def _lift(*, as_json: bool) -> None:
    from noc.runs.runner.client import Client  # noqa: PLC0415 - help stays light

    answer = Client().ask("lift")
    if as_json:
        print_json(answer)
    elif answer["lifted"]:
        out.print(f"{mark('ok', 'lifted')}  it was {plain(halt_sentence(answer['lifted']))}")
    else:
        out.print("nothing was halted")


def _halt(reason: str, *, as_json: bool) -> None:
    answer = _set(reason)
    if as_json:
        print_json(answer)
        return
    show_order(answer["halt"])
    if answer["run"]:
        out.print(f"run {answer['run']} ends at its next step: noc run show {answer['run']} --follow")


def _set(reason: str) -> dict[str, Any]:
    """Halt through the runner; where that does not answer, by the file that it reads, which root may write."""
    from noc.runs.errors import RunnerAbsent  # noqa: PLC0415
    from noc.runs.runner.client import Client  # noqa: PLC0415

    try:
        return Client().ask("halt", reason=reason)
    except RunnerAbsent:
        if (answer := _write(reason)) is None:
            raise
        return answer


def _write(reason: str) -> dict[str, Any] | None:
    from getpass import getuser  # noqa: PLC0415

    from noc.runs.admission.halt import Halt  # noqa: PLC0415
    from noc.runs.paths import Paths  # noqa: PLC0415

    try:
        order = Halt(Paths.from_environment().halt).set(getuser(), reason)
    except OSError:
        return None
    return {"halt": order.model_dump(mode="json"), "run": None}
