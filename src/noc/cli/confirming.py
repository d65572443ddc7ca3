"""What ends something for good has to be typed, or given with an option."""

import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from noc.cli.output import err, plain
from noc.errors import Usage

YesOption = Annotated[str, typer.Option("--yes", metavar="NODE,...", help="Confirm by the nodes' names, unasked.")]


def confirm(nodes: Sequence[str], yes: str, what: str) -> None:
    """Have the names typed. Raises Usage where they are not, or where nobody is there to type them.

    Args:
        nodes: what is to be ended.
        yes: the names as the option gives them, "" to be asked.
        what: what ends, in words.
    """
    wanted = ",".join(sorted(set(nodes)))
    if yes:
        typed = ",".join(sorted({name.strip() for name in yes.split(",")}))
    elif sys.stdin.isatty():
        err.print(f"{plain(what)}: {plain(wanted)}. Type the names to go on:")
        typed = ",".join(sorted({name.strip() for name in sys.stdin.readline(4096).split(",")}))
    else:
        raise Usage("an end has to be confirmed", why="nobody is there to ask", fix=f"--yes {wanted}")
    if typed != wanted:
        raise Usage("the names do not agree: nothing was begun", why=f"{wanted} was to be confirmed")
