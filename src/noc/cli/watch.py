"""`noc watch`: the server on HQ."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(add_completion=False, no_args_is_help=True)

DATABASE = Path("/var/lib/noc-watch/watch.db")
LOCAL = "unix:/run/noc-watch/watch.sock"


@app.callback()
def watch() -> None:
    """The watch server: heartbeats in, incidents and alerts out."""


@app.command()
def serve(
    directory: Annotated[Path | None, typer.Option("-C", metavar="DIR", help="The fleet directory.")] = None,
    db: Annotated[Path, typer.Option("--db", metavar="FILE", help="The database; its directory exists.")] = DATABASE,
    push_listen: Annotated[
        str | None,
        typer.Option(
            "--push-listen",
            metavar="ADDR:PORT",
            help="Where nodes push to; by default the hub's address in the tunnel.",
        ),
    ] = None,
    local: Annotated[
        str, typer.Option("--local", metavar="unix:PATH|127.0.0.1:PORT", help="Where the page and the API are.")
    ] = LOCAL,
) -> None:
    """Run the watch server until it is told to stop."""
    import logging  # noqa: PLC0415

    from noc.fleet.directory import fleet_directory  # noqa: PLC0415
    from noc.watch.server.listeners import read_local, read_tcp  # noqa: PLC0415
    from noc.watch.server.process import serve as serve_watch  # noqa: PLC0415

    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    for chatty in ("uvicorn", "httpx", "httpcore"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    push = read_tcp(push_listen) if push_listen else None
    serve_watch(fleet_directory(directory), db, push, read_local(local))
