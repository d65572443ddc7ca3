"""`noc watch`: the server on HQ."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ParamSpec, TypeVar

import typer

from noc.cli.options import FleetOption, JsonOption
from noc.cli.sizes import shown_size
from noc.watch.server.addresses import LOCAL

if TYPE_CHECKING:
    from noc.fleet.storing import Address
    from noc.watch.store.stats import Stats

P = ParamSpec("P")
R = TypeVar("R")
app = typer.Typer(add_completion=False, no_args_is_help=True)

DATABASE = Path("/var/lib/noc-watch/watch.db")


@app.callback()
def watch() -> None:
    """The watch server: heartbeats in, incidents and alerts out."""


@app.command()
def serve(
    *,
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
    web: Annotated[
        Path | None,
        typer.Option("--web", metavar="FILE", help="A Unix socket for the proxy; who comes there must sign in."),
    ] = None,
    public: Annotated[
        Path | None, typer.Option("--public", metavar="DIR", help="Where to keep the public status page; it exists.")
    ] = None,
    runner: Annotated[
        Path | None, typer.Option("--runner", metavar="FILE", help="The runner's socket, to show what it waits for.")
    ] = None,
) -> None:
    """Run the watch server until it is told to stop."""
    import logging  # noqa: PLC0415

    from noc.fleet.directory import fleet_directory  # noqa: PLC0415
    from noc.watch.server.addresses import Unix, read_local, read_tcp  # noqa: PLC0415
    from noc.watch.server.process import serve as serve_watch  # noqa: PLC0415

    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    for chatty in ("uvicorn", "httpx", "httpcore"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    push = read_tcp(push_listen) if push_listen else None
    proxy = Unix(web) if web else None
    serve_watch(fleet_directory(directory), db, push, read_local(local), web=proxy, public=public, runner=runner)


@app.command()
def stats(
    *,
    directory: FleetOption = None,
    db: Annotated[Path, typer.Option("--db", metavar="FILE", help="The watch's database.")] = DATABASE,
    as_json: JsonOption = False,
) -> None:
    """Show what the watch's database holds, and what a node comes to in a year.

    It is read from end to end, beside a server that uses it. How long rows stay is `[keep]` in the fleet file.
    """
    from dataclasses import asdict  # noqa: PLC0415

    from noc.cli.output import print_json  # noqa: PLC0415 - the server has no use for what draws tables
    from noc.fleet.directory import fleet_directory  # noqa: PLC0415
    from noc.fleet.load import load  # noqa: PLC0415
    from noc.watch.clock import iso  # noqa: PLC0415
    from noc.watch.config import stored_in  # noqa: PLC0415
    from noc.watch.store.stats import read_stats  # noqa: PLC0415

    fleet = load(fleet_directory(directory))
    where, keep = stored_in(fleet, db), fleet.keep
    found = read_stats(where, keep) if isinstance(where, Path) else _let_in(where, db, read_stats, where, keep)
    if as_json:
        tables = [asdict(table) | {"oldest": table.oldest and iso(table.oldest)} for table in found.tables]
        print_json(asdict(found) | {"tables": tables})
    else:
        _show(found)


@app.command()
def migrate(
    *,
    to: Annotated[
        str, typer.Option("--to", metavar="URL", help="An empty database: postgresql://USER@/NAME?host=/run/postgresql")
    ],
    db: Annotated[Path, typer.Option("--db", metavar="FILE", help="The watch's SQLite file.")] = DATABASE,
    as_json: JsonOption = False,
) -> None:
    """Copy the watch's SQLite file to PostgreSQL, while the watch serves.

    The watch moves when it starts with that database in the fleet file: it copies what came meanwhile, and pushes wait
    in their socket for so long. An interrupted copy goes on where it stopped.
    """
    from dataclasses import asdict  # noqa: PLC0415

    from noc.cli.output import out, print_json  # noqa: PLC0415
    from noc.fleet.storing import read_address  # noqa: PLC0415
    from noc.watch.store.copying import copy  # noqa: PLC0415

    try:
        address = read_address(to)
    except ValueError as wrong:
        raise typer.BadParameter(f"the address of the database {wrong}", param_hint="--to") from None
    copied = _let_in(address, db, copy, db, address, _tell)
    if as_json:
        print_json(asdict(copied) | {"to": str(address)})
        return
    out.print(f"{copied.rows:,} rows copied; about {copied.rest:,} are left for the start of the watch")
    out.print("To move, give the fleet file these lines, and restart the watch (systemctl restart noc-watch):")
    out.print(f'[store]\ndatabase = "{to}"', markup=False)
    out.print(f"Pushes then wait in their socket for about {copied.wait_s:.0f} s, and none is lost.")


def _let_in(address: "Address", file: Path, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Call a function as one whom the database lets in: on a socket the owner of the watch's file, else by password."""
    from noc.hub.asuser import run_as_owner  # noqa: PLC0415
    from noc.hub.places import CREDENTIALS  # noqa: PLC0415

    if address.host.startswith("/"):
        return run_as_owner(file.parent, function, *args, **kwargs)
    os.environ.setdefault("CREDENTIALS_DIRECTORY", str(CREDENTIALS))
    return function(*args, **kwargs)


def _tell(table: str, rows: int) -> None:
    """Say how far a copy is."""
    import sys  # noqa: PLC0415

    sys.stderr.write(f"{table}: {rows:,} rows\n")


def _show(found: "Stats") -> None:
    from noc.cli.output import out, print_table  # noqa: PLC0415
    from noc.watch.clock import iso  # noqa: PLC0415

    rows = [
        (
            table.name,
            f"{table.rows:,}",
            shown_size(table.bytes),
            iso(table.oldest) if table.oldest else "",
            ", ".join(f"{days:,}" for days in table.kept_days),
        )
        for table in found.tables
    ]
    print_table(("table", "rows", "size", "oldest", "kept for days"), rows)
    if found.free_bytes is None or found.log_bytes is None:
        out.print(f"the database {shown_size(found.bytes)}, in PostgreSQL")
    else:
        free, kept_log = shown_size(found.free_bytes), shown_size(found.log_bytes)
        out.print(f"the file {shown_size(found.bytes)}, of which {free} are free; its log {kept_log}")
    if found.node_year:
        parts = ", ".join(f"{name} {shown_size(size)}" for name, size in found.node_year.items())
        out.print(f"a node comes to {shown_size(sum(found.node_year.values()))} in a year: {parts}")
