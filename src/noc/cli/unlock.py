"""`noc unlock`: open, on the operator's machine, what HQ has sealed."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from noc.cli.options import JsonOption
from noc.cli.output import print_json
from noc.errors import Usage

app = typer.Typer(add_completion=False)


@app.command()
def unlock(
    *,
    identity: Annotated[
        Path | None,
        typer.Option(
            "-i", "--identity", metavar="FILE", help="An age identity. Default: operator.agekey as noc init made it."
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Open on the operator's machine what HQ has sealed: on stdin what `noc backup request` prints, or any age file.

    The content goes to stdout: into a pipe, or a file. Of a request that is the key of one node and one time, which
    `noc backup unseal` on HQ takes on its stdin. The identity itself stays here.

    With --json a request's key comes as a document; an age file has no such form.
    """
    from noc.backup.identity import Identity  # noqa: PLC0415 - help stays light
    from noc.backup.request import MAX_REQUEST, read_request  # noqa: PLC0415
    from noc.hub.identity import OPERATOR, identity_directory  # noqa: PLC0415

    if sys.stdin.isatty():
        raise Usage("nothing to open", why="stdin is a terminal", fix="ssh HQ noc backup request NODE | noc unlock")
    key = Identity(identity or identity_directory() / OPERATOR)
    if sys.stdout.isatty():
        fix = "noc unlock | ssh HQ noc backup unseal NODE; or noc unlock >FILE"
        raise Usage("what was sealed is not shown on a terminal", why="it is secret, or binary", fix=fix)
    if not as_json:
        key.unlock(sys.stdin.buffer, sys.stdout.buffer)
        sys.stdout.buffer.flush()
        return
    request = read_request(sys.stdin.buffer.read(MAX_REQUEST + 1))
    about = request.model_dump(mode="json", include={"node", "backup", "epoch"})
    print_json({**about, "identity": key.key_of(request).decode().strip()})
