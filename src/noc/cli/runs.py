"""`noc runs`: the short form of `noc run list`."""

import typer

from noc.cli.run import list_runs

app = typer.Typer(add_completion=False)
app.command()(list_runs)
