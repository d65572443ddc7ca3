"""`noc payload`: the payload contract."""

from pathlib import Path
from typing import Annotated

import typer

from noc.cli.options import JsonOption
from noc.cli.output import err, mark, print_json, print_table

app = typer.Typer(add_completion=False, no_args_is_help=True, help="Prove that a file meets the payload contract.")


@app.callback()
def payload() -> None:
    """Prove that a file meets the payload contract."""


@app.command()
def check(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="The payload: a zipapp or a program.")],
    *,
    python: Annotated[str, typer.Option(help="Python that runs a zipapp.")] = "python3",
    requests: Annotated[int, typer.Option(min=1, help="Requests to make before memory is measured.")] = 10_000,
    as_json: JsonOption = False,
) -> None:
    """Start the file for real, with a private database, and prove each line of docs/payload-contract.md."""
    from shutil import which  # noqa: PLC0415

    from noc.errors import Usage  # noqa: PLC0415
    from noc.release.examination import examine  # noqa: PLC0415

    interpreter = which(python)
    if interpreter is None:
        raise Usage(f"{python} is not on the path", fix="--python /usr/bin/python3")
    lines = examine(file, interpreter, requests, lambda line: err.print(f"[dim]{line.name} …[/dim]"))
    passed = all(line.ok for line in lines) and len(lines) > 2
    if as_json:
        print_json({"ok": passed, "lines": [line.as_dict() for line in lines]})
    else:
        rows = [
            (mark("ok" if line.ok else "fail", "ok" if line.ok else "fail"), line.name, line.seen) for line in lines
        ]
        print_table(("", "the contract asks for", "seen"), rows)
    if not passed:
        raise typer.Exit(1)
