"""`noc init`: the identities of the operator's machine."""

from pathlib import Path
from typing import Annotated

import typer

from noc.cli.options import JsonOption
from noc.cli.output import err, print_json

app = typer.Typer(add_completion=False)


@app.command()
def init(
    *,
    directory: Annotated[Path | None, typer.Option("--dir", help="Where to write; ~/.config/noc by default.")] = None,
    print_recovery: Annotated[
        bool, typer.Option("--print-recovery", help="Print the secret recovery identity on stdout.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Make the operator's and the recovery identity and the release-signing key, on the operator's machine.

    HQ gets the directory `trust` and nothing else: it can then verify releases and encrypt backups, but neither
    sign a release nor open a backup.
    """
    from noc.hub.identity import identity_directory, make_identities  # noqa: PLC0415

    made = make_identities(directory or identity_directory())
    secret = made.recovery.read_text() if print_recovery else None
    if as_json:
        public = {"signer": made.signer, "recipients": [made.operator_recipient, made.recovery_recipient]}
        paths = {"directory": str(made.directory), "trust": str(made.trust), "recovery": str(made.recovery)}
        print_json({**paths, **public, **({"recovery_identity": secret} if secret else {})})
        return
    if secret:
        typer.echo(secret, nl=False)
    err.print(
        f"Made in {made.directory}:\n"
        f"  [bold]safe[/bold]   {made.recovery.name}: print it, keep it apart from this machine, then delete the file\n"
        f"  [bold]here[/bold]   {made.signing_key.name}: signs releases; give it a passphrase:"
        f" ssh-keygen -p -f {made.signing_key}\n"
        f"         operator.agekey: opens backups\n"
        f"  [bold]HQ[/bold]     {made.trust.name}/: noc hub install --trust DIR takes it",
        soft_wrap=True,
    )
