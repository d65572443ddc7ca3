"""`noc telemetry NODE`: what a node reported over time."""

from typing import Annotated, Any, Final

import typer

from noc.cli.completion import node_names
from noc.cli.options import AtOption, JsonOption
from noc.cli.output import out, plain, print_json, print_table
from noc.cli.sparkline import Timed, plot, slots, sparkline

app = typer.Typer(add_completion=False)

WIDTH: Final = 48
PLOT_HEIGHT: Final = 8
UNITS: Final = {
    "ram_mb": "MiB",
    "disk_pct": "%",
    "cpu_pct": "%",
    "db_size_mb": "MiB",
    "cert_days_remaining": "d",
    "uptime_s": "s",
}


@app.command()
def telemetry(
    node: Annotated[str, typer.Argument(metavar="NODE", autocompletion=node_names)],
    *,
    since: Annotated[str, typer.Option("--since", metavar="SPAN", help="How far back: 90m, 24h, 7d, 1y.")] = "24h",
    field: Annotated[
        list[str] | None, typer.Option("--field", metavar="NAME", help="Only this field; again for more of them.")
    ] = None,
    plotted: Annotated[bool, typer.Option("--plot", help="A plot of each field.")] = False,
    as_json: JsonOption = False,
    at: AtOption = None,
) -> None:
    """Show what a node reported over time: each field's least, mean and most, and its course.

    A gap in a line is a time in which the node said nothing.
    """
    from urllib.parse import quote, urlencode  # noqa: PLC0415

    from noc.fleet.spans import read_span  # noqa: PLC0415
    from noc.watch.clock import from_iso, iso, now  # noqa: PLC0415 - help stays light
    from noc.watch.server.client import ask  # noqa: PLC0415

    wall = now().wall
    query = [("since", iso(wall - read_span(since))), ("until", iso(wall)), *(("field", name) for name in field or ())]
    document = ask(f"/api/v1/nodes/{quote(node, safe='')}/telemetry?{urlencode(query)}", at=at)
    if as_json:
        print_json(document)
        return
    start, end = from_iso(document["since"]), from_iso(document["until"])
    courses = {
        name: [(from_iso(point["at"]), float(point["mean"])) for point in points]
        for name, points in document["fields"].items()
    }
    if not courses:
        out.print(plain(f"{node} reported none of this in the last {since}"))
    elif plotted:
        for name, points in courses.items():
            _plot(name, document["fields"][name], slots(points, start, end, WIDTH), since)
    else:
        _table(document["fields"], courses, start, end)


def _table(fields: dict[str, Any], courses: dict[str, list[Timed]], start: int, end: int) -> None:
    rows = [
        (name, *(number(each) for each in summary(points)), UNITS.get(name, ""), _line(courses[name], start, end))
        for name, points in fields.items()
    ]
    print_table(("field", "last", "least", "mean", "most", "", "course"), rows)


def _line(points: list[Timed], start: int, end: int) -> str:
    return sparkline(slots(points, start, end, WIDTH)).rstrip()


def _plot(name: str, points: list[dict[str, Any]], values: list[float | None], since: str) -> None:
    _, least, _, most = summary(points)
    heights = [number(most), *[""] * (PLOT_HEIGHT - 2), number(least)]
    margin = max(len(each) for each in heights)
    out.print(plain(f"{name} {UNITS.get(name, '')}".rstrip()), style="bold")
    for label, line in zip(heights, plot(values, PLOT_HEIGHT), strict=True):
        out.print(f"{label:>{margin}} ┤{line}")
    out.print(f"{'':>{margin}} └{'─' * WIDTH}\n{'':>{margin}}  {f'-{since}':<{WIDTH - 3}}now\n")


def summary(points: list[dict[str, Any]]) -> tuple[float, float, float, float]:
    """The last mean, the least, the mean of all that was pushed, and the most."""
    pushes = sum(point["count"] for point in points)
    mean = sum(point["mean"] * point["count"] for point in points) / pushes
    return points[-1]["mean"], min(point["least"] for point in points), mean, max(point["most"] for point in points)


def number(value: float) -> str:
    """A number with as many digits as say something."""
    return f"{value:,.0f}" if abs(value) >= 100 or float(value).is_integer() else f"{value:.2f}"
