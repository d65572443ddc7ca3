"""`noc preflight`: everything that can stop a launch, for all regions at once."""

from typing import Annotated, Any

import typer

from noc.cli.options import FleetOption, JsonOption
from noc.cli.output import err, mark, out, plain, print_json, print_table

app = typer.Typer(add_completion=False)

WITHIN_S = 300.0
_MARKS = {"passed": "ok", "failed": "fail", "unknown": "warn", "accepted": "pending"}


@app.command()
def preflight(
    *,
    enable_regions: Annotated[
        bool, typer.Option("--enable-regions", help="Ask for the regions that are off, wait, and look then.")
    ] = False,
    policy: Annotated[
        bool, typer.Option("--policy", help="Print the least that HQ's credentials need, as an IAM policy, and end.")
    ] = False,
    directory: FleetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Look at everything that can stop a launch, each with what mends it: account, regions, budget, names, HQ.

    What a person has accepted in the fleet file ([[accepted]]: a node's name, or ceiling) is shown as accepted, with
    who, why and until when, and never as passed. What nobody can tell is no pass. Returns 0 where nothing is in the
    way, 1 where something is.
    """
    if policy:
        _policy(directory)
        return
    from noc.runs.runner.client import Client  # noqa: PLC0415 - help stays light

    client = Client()
    if enable_regions:
        _enable(client)
    answer = client.ask("preflight", nodes=[], timeout_s=WITHIN_S)
    if as_json:
        print_json(answer)
    else:
        _show(answer["findings"])
    if answer["stops"]:
        raise typer.Exit(1)


def _policy(directory: FleetOption) -> None:
    from noc.cloud.ec2.policy import policy as document  # noqa: PLC0415
    from noc.fleet.directory import fleet_directory  # noqa: PLC0415
    from noc.fleet.load import load  # noqa: PLC0415

    print_json(document(load(fleet_directory(directory))))


def _enable(client: Any) -> None:  # noqa: ANN401 - Client
    """A run like any other; its result is what the look that follows sees."""
    from noc.cli.following import follow, tell  # noqa: PLC0415

    plan = client.ask("plan", action="opt-in", nodes=["all"], timeout_s=WITHIN_S)["plan"]
    if any(row["state"] == "change" for row in plan["rows"]):
        follow(*client.start(plan, wait_s=0, heard=tell))


def _show(findings: list[dict[str, Any]]) -> None:
    rows = [(mark(_MARKS[f["standing"]], f["standing"]), f["subject"], f["check"], _words(f)) for f in findings]
    print_table(("", "of", "what", "seen"), rows)
    for finding in findings:
        if finding["standing"] in ("failed", "unknown"):
            err.print(f"{plain(finding['subject'])} {plain(finding['check'])}: {plain(finding['fix'])}", soft_wrap=True)
    stops = [f for f in findings if f["standing"] in ("failed", "unknown")]
    out.print(mark("fail", f"{len(stops)} in the way") if stops else mark("ok", "nothing is in the way"))


def _words(finding: dict[str, Any]) -> str:
    accepted = finding["accepted"]
    if finding["standing"] != "accepted":
        return str(finding["seen"])
    return f"{finding['seen']}; accepted by {accepted['who']} until {accepted['until']}: {accepted['reason']}"
