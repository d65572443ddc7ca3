"""`noc hub apply` and `noc hub upgrade`: HQ as its fleet file says, and HQ with another noc."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from noc.cli.options import JsonOption
from noc.cli.output import err, mark, out, plain, print_json
from noc.cli.root import as_root

if TYPE_CHECKING:
    from noc.hub.steps import Done


def apply(*, as_json: JsonOption = False) -> None:
    """Bring HQ to its fleet file as it is now: tunnel, firewall, watch, runner, proxy, schedule.

    What noc hub install does, without packages and users. A file with mistakes is refused before anything is changed.
    What is rendered for nodes reaches them with noc deploy --config.
    """
    from noc.hub.apply import Application  # noqa: PLC0415 - help stays light

    as_root()
    done = Application().run(told)
    changed = any(step.changed for step in done)
    if as_json:
        print_json({"changed": changed, "steps": [step.as_dict() for step in done]})
    else:
        out.print("HQ is as the fleet file says." if changed else "HQ was as the fleet file says; nothing was changed.")


def upgrade(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The file that make dist wrote: noc-VERSION.run.")],
    *,
    sha256: Annotated[
        str | None, typer.Option(metavar="HEX", help="Its hash, as it was printed where it was built.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Bring HQ to another noc: installed beside the one in use, tried, switched to, proven.

    The watch's database is migrated on a copy first. Where the new noc does not show that it works, HQ goes back to
    the one before with the database from before, and with every push that was acknowledged meanwhile. It is refused
    while a run acts, for a version that is not newer, and without the file's hash.
    """
    from noc.hub.upgrade import upgrade as bring  # noqa: PLC0415 - help stays light

    as_root()
    upgraded = bring(file, sha256, told)
    if as_json:
        print_json(upgraded.as_dict())
    else:
        out.print(mark("ok", f"HQ is noc {upgraded.new}; before it was {upgraded.old}"))


def told(done: "Done") -> None:
    """Say of a step what it changed, on stderr."""
    err.print(
        f"{mark('ok', done.state):<28} {done.name:<12} {done.seconds:5.1f} s  {plain(', '.join(done.changed))}",
        soft_wrap=True,
    )
