"""`noc openclaw`: OpenClaw as the agent on HQ, its kit and whether it still runs by it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from noc.cli.options import FleetOption, JsonOption
from noc.cli.output import err, mark, plain, print_json, print_table

if TYPE_CHECKING:
    from noc.agent.openclaw.sender import Sender

app = typer.Typer(add_completion=False, no_args_is_help=True, help="OpenClaw as the agent on HQ: its kit, and a check.")


@app.command()
def init(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="Where the kit goes; on HQ /etc/noc-agent.")],
    *,
    linked: Annotated[
        bool, typer.Option("--linked", help="Let those in whose chats are linked; the runner knows them.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Overwrite also what somebody edited.")] = False,
    fleet: FleetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write what makes OpenClaw the fleet's agent: configuration, gate plugin, skill, unit, and how to use them.

    Nothing secret is in it. What somebody edited is not overwritten: the difference is shown, and the exit code is 7.
    """
    from dataclasses import replace  # noqa: PLC0415 - help stays light

    from noc.agent.openclaw.kit import kit  # noqa: PLC0415
    from noc.agent.openclaw.places import HQ  # noqa: PLC0415
    from noc.agent.openclaw.writer import changes, write  # noqa: PLC0415
    from noc.fleet.directory import fleet_directory  # noqa: PLC0415
    from noc.fleet.load import load  # noqa: PLC0415

    loaded, place = load(fleet_directory(fleet)), directory.absolute()
    files = kit(loaded, _linked() if linked else (), replace(HQ, kit=place))
    if not force:
        for change in (each for each in changes(place, files) if each.edited):
            err.print(change.diff, markup=False, highlight=False, end="")
    written = [change.path for change in write(place, files, force=force)]
    if as_json:
        print_json({"directory": str(place), "files": [file.path for file in files], "written": written})
        return
    print_table(("", "file"), [(mark("ok", "written" if f.path in written else "as it was"), f.path) for f in files])
    err.print(f"how to use it: {place / 'README.md'}", markup=False)


@app.command()
def doctor(
    *,
    config: Annotated[
        Path | None, typer.Option("--config", metavar="FILE", help="What OpenClaw runs by. Default: HQ's.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Look whether the agent is still as bound as the kit made it, and whether its model is there.

    Looks at the configuration that OpenClaw runs by, the files around it, the model's endpoint, and for credentials of
    Anthropic, which have no business on HQ. Shows no secret. Returns 1 where something is wrong.
    """
    from noc.agent.openclaw.doctor import examine  # noqa: PLC0415 - help stays light
    from noc.agent.openclaw.places import HQ  # noqa: PLC0415

    findings = examine(config or HQ.config)
    well = all(finding.ok for finding in findings)
    if as_json:
        print_json({"ok": well, "findings": [finding.as_dict() for finding in findings]})
    else:
        findings.sort(key=lambda finding: finding.ok)  # what is wrong stands first
        rows = [(mark("ok" if f.ok else "fail", "ok" if f.ok else "wrong"), f.name, f.seen) for f in findings]
        print_table(("", "what", "seen"), rows)
        for finding in (each for each in findings if not each.ok):
            err.print(f"{plain(finding.name)}: {plain(finding.fix)}", soft_wrap=True)
    if not well:
        raise typer.Exit(1)


def _linked() -> "list[Sender]":
    """Everybody whose chat is linked to a person of the fleet file."""
    from noc.agent.openclaw.sender import senders  # noqa: PLC0415
    from noc.runs.runner.client import Client  # noqa: PLC0415

    return senders(Client().ask("principals")["principals"])
