"""`noc schedule`: what HQ does by itself, when it does it next, and what became of it last."""

from datetime import UTC, datetime
from typing import Any, Final

import typer

from noc.cli.options import AtOption, FleetOption, JsonOption
from noc.cli.output import err, mark, out, print_json, print_table

app = typer.Typer(add_completion=False)

_MARKS: Final = {"ok": "ok", "failed": "fail", "missed": "warn", "running": "info"}
_LAST: Final = ("state", "began", "ended", "words", "run", "good", "incident")


@app.command()
def schedule(*, directory: FleetOption = None, as_json: JsonOption = False, at: AtOption = None) -> None:
    """List the jobs of [[schedule]]: each with its next time, on the fleet's clocks and in UTC, and its last outcome.

    Times come from the fleet file, outcomes from the watch; where that does not answer they are left out.
    """
    from noc.fleet.directory import fleet_directory  # noqa: PLC0415 - help stays light
    from noc.fleet.load import load  # noqa: PLC0415

    fleet, now = load(fleet_directory(directory)), datetime.now(UTC)
    last = _outcomes(at) if fleet.schedule else {}
    jobs = [_document(each, fleet.timezone, now, last.get(each.job, {})) for each in fleet.schedule]
    if as_json:
        print_json({"timezone": fleet.timezone, "jobs": jobs})
    elif not jobs:
        out.print("no job is scheduled: [[schedule]] in fleet.toml, then noc hub apply")
    else:
        columns = ("job", "next", "", "minutes", "missed", "last", "", "says")
        print_table(columns, [_row(each, fleet.timezone, now) for each in jobs])


def _outcomes(at: str | None) -> dict[str, dict[str, Any]]:
    from noc.errors import NocError  # noqa: PLC0415
    from noc.watch.server.client import ask  # noqa: PLC0415

    try:
        return {each["job"]: each for each in ask("/api/v1/jobs", at=at)["jobs"]}
    except NocError as error:
        err.print(mark("warn", str(error)))
        return {}


def _document(each: Any, timezone: str, now: datetime, last: dict[str, Any]) -> dict[str, Any]:  # noqa: ANN401
    """A job: its table, its next time in UTC, and what the watch knows of its last one."""
    from noc.fleet.scheduling import next_time  # noqa: PLC0415

    following = next_time(each.times(timezone), now)
    return {
        "job": each.job,
        "cron": each.cron,
        "zone": each.zone or timezone,
        "missed": each.missed,
        "within": each.within,
        "next": following.isoformat() if following else None,
        **{name: last.get(name) for name in _LAST},
    }


def _row(job: dict[str, Any], timezone: str, now: datetime) -> tuple[str, ...]:
    from zoneinfo import ZoneInfo  # noqa: PLC0415

    from noc.runs.admission.clock import lasting, told  # noqa: PLC0415

    following = datetime.fromisoformat(job["next"]) if job["next"] else None
    at = told(following.astimezone(ZoneInfo(timezone))) if following else "never"
    left = f"in {lasting((following - now).total_seconds())}" if following else ""
    ended = job["ended"] or job["began"]
    ago = f"{lasting((now - datetime.fromisoformat(ended)).total_seconds())} ago" if ended else ""
    state = mark(_MARKS[job["state"]], job["state"]) if job["state"] else mark("pending", "not yet")
    return job["job"], at, left, str(job["within"]), job["missed"], state, ago, job["words"] or ""
