"""`noc job`: a job of HQ's schedule, as its timer begins it."""

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from noc.cli.options import AtOption, JsonOption
from noc.cli.output import err, mark, out, plain, print_json
from noc.errors import NocError

if TYPE_CHECKING:
    from noc.hub.jobs import Outcome

app = typer.Typer(add_completion=False, no_args_is_help=True, help="A job of HQ's schedule, as its timer begins it.")

TELL_S: Final = 60.0
"""Seconds for which the watch is told again and again: it may be starting anew."""
AGAIN_S: Final = 2.0
_EXITS: Final = {"ok": 0, "failed": 1, "missed": 7}
_MARKS: Final = {"ok": "ok", "failed": "fail", "missed": "warn"}


@app.callback()
def job() -> None:
    """A job of HQ's schedule, as its timer begins it."""


@app.command()
def run(
    name: Annotated[str, typer.Argument(metavar="JOB", help="One of noc schedule: backup, briefing …")],
    *,
    as_json: JsonOption = False,
    at: AtOption = None,
) -> None:
    """Do a job of the schedule now, and tell the watch what became of it.

    Root and HQ's timers may; it needs no approval, since the table in the fleet file is a person's word, and does
    nothing that stands in no table. Returns 0 where it is done, 1 where it failed, 7 where a freeze, a halt, an open
    incident or another run kept it from its time.
    """
    from noc.cli.following import follow, tell  # noqa: PLC0415 - help stays light
    from noc.fleet.load import load  # noqa: PLC0415
    from noc.hub.jobs import Work, carry_out  # noqa: PLC0415
    from noc.runs.admission.scheduled import scheduled  # noqa: PLC0415
    from noc.runs.paths import Paths  # noqa: PLC0415
    from noc.runs.runner.client import Client  # noqa: PLC0415
    from noc.watch.config import Config  # noqa: PLC0415
    from noc.watch.server.client import ask  # noqa: PLC0415

    paths = Paths.from_environment()
    fleet = load(paths.fleet)
    schedule, began = scheduled(name, fleet), datetime.now(UTC)
    _tell_watch(name, {"state": "running", "began": began.isoformat()}, at, within_s=0)
    outcome = carry_out(
        schedule,
        Work(fleet, Client(), follow, tell, lambda path, body: ask(path, method="POST", body=body, at=at)),
        lambda: Config.read(paths.fleet),
    )
    ended = datetime.now(UTC)
    document = {"state": outcome.state, "began": began.isoformat(), "ended": ended.isoformat(), **_said(outcome)}
    told = _tell_watch(name, document, at, within_s=TELL_S)
    if as_json:
        print_json({"job": name, **document, "told": told})
    else:
        out.print(f"{mark(_MARKS[outcome.state], f'{name} {outcome.state}')}  {plain(outcome.words)}")
    raise typer.Exit(_EXITS[outcome.state] or (0 if told else 1))


def _said(outcome: "Outcome") -> dict[str, str]:
    from noc.runs.record.tame import tame  # noqa: PLC0415

    return {"words": str(tame(outcome.words)), "run": outcome.run}


def _tell_watch(name: str, document: dict[str, Any], at: str | None, *, within_s: float) -> bool:
    """Put an outcome to the watch; whether it has it. What it cannot be told is said here, and ends no job."""
    from noc.watch.errors import StoreTrouble, WatchUnreachable  # noqa: PLC0415
    from noc.watch.server.client import ask  # noqa: PLC0415

    end = time.monotonic() + within_s
    while True:
        try:
            ask(f"/api/v1/jobs/{name}", method="PUT", body=document, at=at)
        except (WatchUnreachable, StoreTrouble) as error:
            if time.monotonic() >= end:
                err.print(mark("warn", str(error)))
                return False
            err.print(mark("pending", f"telling the watch again: {error.what}"))
            time.sleep(AGAIN_S)
        except NocError as error:
            err.print(mark("warn", str(error)))
            return False
        else:
            return True
