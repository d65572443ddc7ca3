"""`noc offboard`: somebody leaves, and can do nothing any more by HQ."""

import os
from pathlib import Path
from typing import Annotated

import typer

from noc.cli.options import FleetOption, JsonOption
from noc.cli.output import err, mark, out, plain, print_json, print_table
from noc.errors import NotPermitted

app = typer.Typer(add_completion=False)


@app.command()
def offboard(
    person: Annotated[str, typer.Argument(metavar="PERSON", help="The login on HQ, as [[people]] names it.")],
    *,
    delete_login: Annotated[
        bool, typer.Option("--delete-login", help="The login goes as well; its home stays.")
    ] = False,
    directory: FleetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Let somebody leave: groups, waiting approvals, the fleet file, sessions and tokens; then say what else they held.

    The last approver is refused. Giving the command again changes nothing more, and shows the list again.
    """
    from noc.fleet.directory import fleet_directory  # noqa: PLC0415 - help stays light
    from noc.fleet.inventory import load_inventory  # noqa: PLC0415
    from noc.fleet.load import load  # noqa: PLC0415
    from noc.hub.leftovers import leftovers  # noqa: PLC0415
    from noc.hub.offboard import Offboarding  # noqa: PLC0415
    from noc.hub.places import TRUST  # noqa: PLC0415

    if os.geteuid() != 0:
        raise NotPermitted("people are root's to let go", fix="run it with sudo, on HQ")
    where = fleet_directory(directory)
    work = Offboarding(person, where, delete_login=delete_login)
    done = {}
    for step in work.steps:
        done[step.name] = step.work()
        err.print(f"{mark('ok', step.name):<36} {plain(', '.join(done[step.name]) or 'unchanged')}", soft_wrap=True)
    left = leftovers(
        person,
        load(where),
        load_inventory(where),
        signers=_text(TRUST / "signers"),
        recipients=_text(TRUST / "recipients"),
        root_keys=_text(Path("/root/.ssh/authorized_keys")),
    )
    if as_json:
        print_json(
            {"person": person, "changed": any(done.values()), "done": done, "left": [each.as_dict() for each in left]}
        )
        return
    out.print(plain(f"{person} can do nothing any more by HQ. What only people can do:"))
    print_table(("what they may still hold", "what ends it"), [(each.what, each.command) for each in left])


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except FileNotFoundError:
        return ""
