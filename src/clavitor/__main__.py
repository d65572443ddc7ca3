"""The command line: `serve`, `invite`, `tenants`, `backup PATH`."""

import argparse
import os
import sys
from pathlib import Path

from clavitor.errors import ServiceError
from clavitor.settings import database_path, from_environment


def main() -> None:
    """Run the command and exit: 0 when it did what was asked, 1 when it could not, 2 when it was called wrongly."""
    parser = argparse.ArgumentParser(prog="clavitor", description="A credential vault that cannot read what it keeps.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("serve", help="serve until SIGTERM")
    backup = commands.add_parser("backup", help="copy the database to a new file while it is served")
    backup.add_argument("path", type=Path, metavar="PATH", help="a file that does not exist yet")
    invite = commands.add_parser("invite", help="print a code with which one account may be opened")
    invite.add_argument("--days", type=float, default=7.0, metavar="N", help="days until it expires (default: 7)")
    invite.add_argument("--json", action="store_true", help="print one JSON document")
    tenants = commands.add_parser("tenants", help="list the accounts here by tenant id, and where they are placed")
    tenants.add_argument("--json", action="store_true", help="print one JSON document")
    arguments = parser.parse_args()
    try:
        _run(arguments)
    except ServiceError as error:
        sys.exit(f"clavitor: {error}")


def _run(arguments: argparse.Namespace) -> None:
    # Imported where they are needed: no command waits for another one's modules.
    if arguments.command == "serve":
        from clavitor.service import serve  # noqa: PLC0415

        serve(from_environment(os.environ))
    elif arguments.command == "invite":
        from clavitor.invite import invite  # noqa: PLC0415

        print(invite(os.environ, arguments.days, as_json=arguments.json))  # noqa: T201
    elif arguments.command == "tenants":
        from clavitor.census import census  # noqa: PLC0415

        print(census(os.environ, as_json=arguments.json))  # noqa: T201
    elif arguments.command == "backup":
        from clavitor.backup import backup  # noqa: PLC0415

        size = backup(database_path(os.environ), arguments.path)
        print(f"{arguments.path}: {size} bytes")  # noqa: T201


if __name__ == "__main__":
    main()
