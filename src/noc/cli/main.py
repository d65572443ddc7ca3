"""The entry point: finds the command, and turns what it raises into one sentence and an exit code."""

import os
import sys
from importlib import import_module
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperGroup

from noc import __version__
from noc.cli.commands import COMMANDS, PANEL_OF
from noc.errors import NocError, NotPermitted, SystemRefused, Usage


class LazyGroup(TyperGroup):
    """A group that knows its commands by name and help, and imports a command's module only to run it."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ANN401, ARG002 - typer does not export its click types
        """Names in the table's order."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ANN401, ARG002
        """The command itself for a call, a name with its help for a listing."""
        if cmd_name not in COMMANDS:
            return None
        module, help_line = COMMANDS[cmd_name]
        command: Any
        if cmd_name in _words():
            command = typer.main.get_command(import_module(module).app)
        else:
            command = typer.main.get_command(_placeholder(help_line))
        command.name, command.help, command.short_help = cmd_name, command.help or help_line, help_line
        command.rich_help_panel = PANEL_OF[cmd_name]
        return command


def _words() -> list[str]:
    """What stands on the command line: our own, or the one that a shell asks completions for."""
    asked = (os.environ.get(name, "") for name in ("COMP_WORDS", "_TYPER_COMPLETE_ARGS"))
    return [*sys.argv[1:], *" ".join(asked).split()]


def _placeholder(help_line: str) -> typer.Typer:
    app = typer.Typer(add_completion=False)
    app.command(help=help_line)(lambda: None)
    return app


app = typer.Typer(cls=LazyGroup, no_args_is_help=True, pretty_exceptions_enable=False)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"noc {__version__}")
        raise typer.Exit


@app.callback()
def main(
    *,
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print it.")] = False,
) -> None:
    """Run one small service on many independent machines, and prove that it runs."""


def run() -> None:
    """Run `noc` with the process's arguments; the exit code is the design's (0 ok … 130 interrupted)."""
    try:
        app()
    except SystemExit as ended:
        _show_mistyped(ended.__context__)
        raise
    except NocError as error:
        _fail(error)
    except PermissionError as error:
        _fail(_not_yours(error))
    except OSError as error:
        what = f"{error.filename} cannot be used" if error.filename else "the system refused"
        _fail(SystemRefused(what, why=error.strerror or str(error)))
    except KeyboardInterrupt:
        sys.exit(130)


def _fail(error: NocError) -> NoReturn:
    from noc.cli.output import show_error  # noqa: PLC0415 - only a failure pays for it

    show_error(error)
    sys.exit(error.exit_code)


def _show_mistyped(cause: BaseException | None) -> None:
    """The parser has told a mistyped call to people by now; `--json` promises a document as well."""
    if (message := getattr(cause, "format_message", None)) is not None:
        from noc.cli.output import show_error_document  # noqa: PLC0415

        show_error_document(Usage("the command cannot be read", why=message().rstrip("."), fix="see it with --help"))


def _not_yours(error: PermissionError) -> NotPermitted:
    """HQ's files belong to root and the group noc: a person outside of it meets this in whatever command reads them."""
    fix = "give the command as root, or let root on HQ run usermod -aG noc,noc-operators USER, then log in again"
    return NotPermitted(f"{error.filename or 'a file'} is not yours to use", why=error.strerror or "", fix=fix)
