"""`noc rollout`: nodes from nothing to live, batch by batch."""

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from noc.cli.options import FleetOption, JsonOption
from noc.cli.output import err, mark, out, plain, print_json, print_table
from noc.errors import Usage

if TYPE_CHECKING:
    from noc.runs.runner.client import Client

app = typer.Typer(add_completion=False)

HEALTH_WITHIN_S = 60.0


@dataclass(frozen=True)
class Stage:
    """One stage of a batch: its run, "" where nothing was to do, whether it went well, and the seconds it took."""

    batch: int
    name: str
    run: str
    good: bool
    seconds: float
    words: str = ""


@app.command()
def rollout(
    batch: Annotated[
        list[str], typer.Option("--batch", metavar="N[..M]", help="A batch of the fleet file, or a range of them.")
    ],
    *,
    release: Annotated[str | None, typer.Option("--release", help="Version or hash. Default: the fleet's.")] = None,
    no_dns: Annotated[bool, typer.Option("--no-dns", help="The nodes' names are kept by somebody else.")] = False,
    directory: FleetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Bring batches of nodes from nothing to live: machines, names, provisioning, health; one batch after the other.

    Within a batch all nodes go at once. It stops at a batch with a failure, and given again goes on there: what was
    done is found unchanged. Each stage is a run of its own, under the same rules as the command of its name.

    Returns 0 if every node of every batch is live and healthy, 1 otherwise.
    """
    from noc.fleet.directory import fleet_directory  # noqa: PLC0415 - help stays light
    from noc.fleet.load import load  # noqa: PLC0415
    from noc.runs.runner.client import Client  # noqa: PLC0415

    fleet, client = load(fleet_directory(directory)), Client()
    left_out = {each.what for each in fleet.accepted}
    stages: list[Stage] = []
    for number in numbers(batch):
        nodes = [node for node in fleet.nodes if node.batch == number and node.name not in left_out]
        if not nodes:
            raise Usage(f"batch {number} has no node", fix="noc nodes shows the fleet")
        launched = [node.name for node in nodes if node.provider == "aws"]
        stages += _batch(client, number, [node.name for node in nodes], launched, release, dns=not no_dns)
        if not stages[-1].good:
            break
    _show(stages, as_json=as_json)
    if not all(stage.good for stage in stages):
        raise typer.Exit(1)


def numbers(said: Sequence[str]) -> list[int]:
    """Batches from `1`, `2..4`; each once, in order. Raises Usage."""
    found: set[int] = set()
    for text in said:
        first, dots, last = text.partition("..")
        written = first.isdecimal() and (last.isdecimal() or not dots) and len(text) <= 8
        if not written or int(last or first) < int(first):
            raise Usage(f"--batch {text[:20]} is no batch", fix="--batch 1, or --batch 1..4")
        found |= set(range(int(first), int(last or first) + 1))
    return sorted(found)


def _batch(
    client: "Client", number: int, nodes: list[str], launched: list[str], release: str | None, *, dns: bool
) -> list[Stage]:
    """The stages of one batch, up to the first that fails."""
    requests: list[tuple[str, dict[str, Any]]] = []
    if launched:
        requests.append(("launch", {"action": "launch", "nodes": launched}))
    if dns:
        requests.append(("dns", {"action": "dns", "nodes": ["all"]}))
    requests.append(("provision", {"action": "provision", "nodes": nodes, "release": release}))
    done: list[Stage] = []
    for name, request in requests:
        done.append(_stage(client, number, name, request))
        if not done[-1].good:
            return done
    return [*done, _healthy(client, number, nodes)]


def _stage(client: "Client", number: int, name: str, request: dict[str, Any]) -> Stage:
    """Plan, and run what the plan finds to do."""
    from noc.cli.following import follow, tell  # noqa: PLC0415
    from noc.cli.planned import NOTHING_TO_DO, exit_code  # noqa: PLC0415
    from noc.runs.plan.plan import Plan  # noqa: PLC0415

    begun = time.monotonic()
    err.print(f"{mark('info', f'batch {number}')}  {name}", soft_wrap=True)
    plan = client.ask("plan", **request)["plan"]
    if exit_code(Plan.model_validate(plan)) == NOTHING_TO_DO and name != "provision":
        return Stage(number, name, "", good=True, seconds=time.monotonic() - begun, words="nothing to do")
    run, events = client.start(plan, heard=tell)
    view = follow(run, events)
    bad = [verdict for verdict in view.verdicts if not verdict.good]
    words = "; ".join(f"{verdict.node}: {verdict.why or verdict.verdict}" for verdict in bad)
    return Stage(number, name, run, view.exit_code == 0, time.monotonic() - begun, words)


def _healthy(client: "Client", number: int, nodes: list[str]) -> Stage:
    begun = time.monotonic()
    rows = client.ask("health", nodes=nodes, timeout_s=HEALTH_WITHIN_S)["nodes"]
    wrong = [
        f"{row['node']}: {check['name']} {check['words']}"
        for row in rows
        for check in row["checks"]
        if check["state"] != "ok"
    ]
    return Stage(number, "health", "", not wrong, time.monotonic() - begun, "; ".join(wrong))


def _show(stages: list[Stage], *, as_json: bool) -> None:
    if as_json:
        print_json({"stages": [asdict(stage) for stage in stages], "good": all(stage.good for stage in stages)})
        return
    rows = [
        (
            str(stage.batch),
            stage.name,
            mark("ok", "well") if stage.good else mark("fail", "failed"),
            f"{stage.seconds:.1f} s",
            stage.run or "-",
        )
        for stage in stages
    ]
    print_table(("batch", "stage", "", "took", "run"), rows)
    for stage in stages:
        if stage.words and not stage.good:
            err.print(f"{mark('fail', stage.name)}  {plain(stage.words)}", soft_wrap=True)
    if stages and not stages[-1].good:
        out.print(f"stopped at batch {stages[-1].batch}; mend that, then give the command again")
