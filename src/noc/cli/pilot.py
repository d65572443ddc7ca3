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

LEAST_IN_BATCHES = 4
"""The pilot's three, and one of the batches after them."""
APPROVER = "johan"
"""Who decides in a rehearsal: of the people of the fleet that is rehearsed."""


@app.command()
def pilot(
    nodes: Annotated[int, typer.Option(min=3, max=20, help="3 for the plan's pilot; up to 20, the whole fleet.")] = 3,
    dist: Annotated[Path, typer.Option(help="Directory or file that `make dist` wrote.")] = Path("dist"),
    report: Annotated[Path, typer.Option(help="Where the HTML report goes.")] = Path("build/pilot.html"),
    *,
    cloud: Annotated[
        bool, typer.Option("--cloud", help="The whole way: machines from a stand-in for AWS, batch by batch, to M6.")
    ] = False,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the lab up afterwards, to look around.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The report as one JSON document.")] = False,
) -> None:
    """Bring up HQ and nodes on lab hosts, deploy, break one, prove it. Exit 0 only if every line passes.

    With --cloud there are no nodes at first, and no names: preflight, launch, DNS, provisioning, rollouts, reviews and
    the signed decision take the fleet from nothing to milestone M6, batch by batch. It takes four nodes or more.

    Needs root on Linux. With warm caches the three nodes take under three minutes.
    """
    from noc.lab.lab import Lab  # noqa: PLC0415 - heavy
    from noc.runs.review.report import write_html  # noqa: PLC0415

    lab = Lab()
    with tempfile.TemporaryDirectory(prefix="noc-pilot-") as work:
        setting = _setting(nodes, dist, Path(work), cloud=cloud)
        try:
            seen = _sail(lab, setting) if cloud else _play(lab, setting)
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


def _sail(lab: "Lab", setting: "Setting") -> "Report":
    from noc.lab.cloud.account import new_account  # noqa: PLC0415
    from noc.lab.voyage import sail  # noqa: PLC0415

    err.print(f"lab: HQ, a new account at the stand-in for AWS, an empty zone; {len(setting.nodes)} nodes to come")
    lab.up(setting.nodes, bare_zone=True, account=new_account())
    return sail(lab, setting, err.print)


def _setting(count: int, dist: Path, work: Path, *, cloud: bool) -> "Setting":
    from noc import __version__  # noqa: PLC0415
    from noc.errors import NotFound, Usage  # noqa: PLC0415
    from noc.lab.pilot import Setting  # noqa: PLC0415

    file = dist / f"noc-{__version__}.run" if dist.is_dir() else dist
    if not file.is_file():
        raise NotFound(f"{file} is not there", fix="make dist")
    if cloud and count < LEAST_IN_BATCHES:
        raise Usage(f"{count} nodes are the pilot's batch alone", fix=f"--nodes {LEAST_IN_BATCHES}, or more")
    return Setting(
        nodes=tuple(first_nodes(count)), dist=file, work=work, cloud=cloud, approver=APPROVER if cloud else ""
    )


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
