"""`noc pilot`: the whole pilot on lab hosts, ending in a go or no-go."""

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from noc.cli.lab import first_nodes
from noc.cli.output import err, mark, out, plain, print_json, print_table
from noc.errors import Usage

if TYPE_CHECKING:
    from noc.lab.hqlost import Phase
    from noc.lab.lab import Lab
    from noc.lab.pilot import Setting
    from noc.runs.review.report import Report

app = typer.Typer(add_completion=False)

LEAST_IN_BATCHES = 4
"""The pilot's three, and one of the batches after them."""
MOST_IN_DRILLS = 18
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
    drills: Annotated[
        bool, typer.Option("--drills", help="Every drill instead, a lost HQ among them, each time beside its bound.")
    ] = False,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the lab up afterwards, to look around.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The report as one JSON document.")] = False,
) -> None:
    """Bring up HQ and nodes on lab hosts, deploy, break one, prove it. Exit 0 only if every line passes.

    With --cloud there are no nodes at first, and no names: preflight, launch, DNS, provisioning, rollouts, reviews and
    the signed decision take the fleet from nothing to milestone M6, batch by batch. It takes four nodes or more.

    With --drills it is the operation after the launch that is rehearsed: noc drill all, and then HQ's disk is destroyed
    and another machine becomes HQ from its backup. Two machines more take part, and there is no HTML report.

    Needs root on Linux. With warm caches the three nodes take under three minutes.
    """
    from noc.lab.lab import Lab  # noqa: PLC0415 - heavy
    from noc.runs.review.report import write_html  # noqa: PLC0415

    lab = Lab()
    with tempfile.TemporaryDirectory(prefix="noc-pilot-") as work:
        setting = _setting(nodes, dist, Path(work), cloud=cloud)
        if drills and (cloud or nodes > MOST_IN_DRILLS):
            raise Usage("--drills takes nodes that are at no cloud, and two machines more", fix="noc pilot --drills")
        try:
            if drills:
                raise typer.Exit(_drill(lab, setting, as_json=as_json))
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


def _drill(lab: "Lab", setting: "Setting", *, as_json: bool) -> int:
    from dataclasses import replace  # noqa: PLC0415

    from noc.cli.drill import show_table  # noqa: PLC0415
    from noc.lab.drilling import TABLES, drill  # noqa: PLC0415

    *_, place, spare = machines = first_nodes(len(setting.nodes) + 2)
    err.print(f"lab: HQ and {len(setting.nodes)} nodes; {place} is the second place, {spare} becomes HQ")
    lab.up(machines)
    done = drill(lab, replace(setting, tables=TABLES), place=place, spare=spare, tell=err.print)
    if as_json:
        print_json(done.as_document())
    else:
        show_table(done.rows)
        cells = [(phase.name, f"{phase.took_s:.1f} s / {phase.bound_s:g} s", _held(phase)) for phase in done.lost]
        print_table(("hq-lost", "after / bound", "verdict"), cells)
    return 0 if done.held else 1


def _held(phase: "Phase") -> str:
    return mark("ok", "held") if phase.held else mark("fail", "missed")


def _sail(lab: "Lab", setting: "Setting") -> "Report":
    from noc.lab.cloud.account import new_account  # noqa: PLC0415
    from noc.lab.voyage import sail  # noqa: PLC0415

    err.print(f"lab: HQ, a new account at the stand-in for AWS, an empty zone; {len(setting.nodes)} nodes to come")
    lab.up(setting.nodes, bare_zone=True, account=new_account())
    return sail(lab, setting, err.print)


def _setting(count: int, dist: Path, work: Path, *, cloud: bool) -> "Setting":
    from noc import __version__  # noqa: PLC0415
    from noc.errors import NotFound  # noqa: PLC0415
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
