"""`noc pilot`: the whole pilot on lab hosts, ending in a go or no-go."""

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from noc.cli.lab import first_nodes
from noc.cli.output import err, mark, out, plain, print_json

if TYPE_CHECKING:
    from noc.lab.lab import Lab
    from noc.lab.pilot import Setting
    from noc.runs.review.report import Report

app = typer.Typer(add_completion=False)


@app.command()
def pilot(
    nodes: Annotated[int, typer.Option(min=3, max=20, help="3 for the plan's pilot; up to 20, the whole fleet.")] = 3,
    dist: Annotated[Path, typer.Option(help="Directory or file that `make dist` wrote.")] = Path("dist"),
    report: Annotated[Path, typer.Option(help="Where the HTML report goes.")] = Path("build/pilot.html"),
    *,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the lab up afterwards, to look around.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The report as one JSON document.")] = False,
) -> None:
    """Bring up HQ and nodes on lab hosts, deploy, break one, prove it. Exit 0 only if every line passes.

    Needs root on Linux. With warm caches the three nodes take under three minutes.
    """
    from noc.lab.lab import Lab  # noqa: PLC0415 - heavy
    from noc.runs.review.report import write_html  # noqa: PLC0415

    lab = Lab()
    with tempfile.TemporaryDirectory(prefix="noc-pilot-") as work:
        setting = _setting(nodes, dist, Path(work))
        try:
            seen = _play(lab, setting)
        finally:
            if not keep:
                lab.down()
    write_html(seen, report)
    if as_json:
        print_json(seen.as_document())
    else:
        _show(seen, report)
    raise typer.Exit(0 if seen.go else 1)


def _play(lab: "Lab", setting: "Setting") -> "Report":
    from noc.lab.pilot import play  # noqa: PLC0415

    err.print(f"lab: HQ and {len(setting.nodes)} nodes, {', '.join(setting.bare)} from the bare image")
    lab.up(setting.nodes, bare=setting.bare)
    return play(lab, setting, err.print)


def _setting(count: int, dist: Path, work: Path) -> "Setting":
    from noc import __version__  # noqa: PLC0415
    from noc.errors import NotFound  # noqa: PLC0415
    from noc.lab.pilot import Setting  # noqa: PLC0415

    file = dist / f"noc-{__version__}.run" if dist.is_dir() else dist
    if not file.is_file():
        raise NotFound(f"{file} is not there", fix="make dist")
    return Setting(nodes=tuple(first_nodes(count)), dist=file, work=work)


def _show(seen: "Report", path: Path) -> None:
    glyphs = {"passed": "ok", "failed": "fail", "not run": "pending"}
    out.print()
    for line in seen.lines:
        out.print(f"{mark(glyphs[line.verdict], line.verdict)}  [bold]{line.name}[/bold]  {plain(line.summary)}")
        for item in line.evidence:
            out.print(f"    [dim]{item.label}[/dim]  {plain(item.value.replace(chr(10), '; '))}", soft_wrap=True)
    decision = mark("ok", "GO") if seen.go else mark("fail", "NO-GO")
    took = (seen.ended - seen.started).total_seconds()
    out.print(f"\n{seen.milestone} {decision}  {took:.0f} s, report: {path}, digest {seen.digest[:16]}")
