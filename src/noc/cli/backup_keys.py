"""`noc backup request|unseal|seal|rehearse`: how HQ gets to open a backup, for an hour, and what it is tried with."""

import sys
from typing import Annotated, Any

import typer

from noc.cli.completion import node_names
from noc.cli.options import JsonOption
from noc.cli.output import mark, out, plain, print_json
from noc.errors import Usage

MOST_IDENTITY = 4096
_REHEARSED_S = 1800.0

NodeArgument = Annotated[str, typer.Argument(metavar="NODE", help="A node with backups.", autocompletion=node_names)]
TimeOption = Annotated[
    str | None,
    typer.Option(
        "--at",
        metavar="TIME",
        help="The newest backup until then: ISO 8601 with zone, '2h ago', 'yesterday 18:00'. Default: the newest.",
    ),
]


def mount(app: typer.Typer) -> None:
    """Add the four to a group of commands."""
    for command in (request, unseal, seal, rehearse):
        app.command()(command)


def request(node: NodeArgument, *, at: TimeOption = None, as_json: JsonOption = False) -> None:  # noqa: ARG001
    """Print the sealed key of a backup as JSON, for `noc unlock` on the operator's machine; nothing in it is secret."""
    print_json(_ask("backup-request", node=node, at=_moment(at))["request"])


def unseal(node: NodeArgument, *, as_json: JsonOption = False) -> None:
    """Let HQ open a node's backups for an hour: the key comes on stdin, as `noc unlock` gives it.

    The runner holds it in memory alone. A key of another node or time is refused. The next backup begins a new epoch,
    with a key that HQ never had.
    """
    if sys.stdin.isatty():
        why = "a key is not typed"
        fix = f"ssh HQ noc backup request {node} | noc unlock | ssh HQ noc backup unseal {node}"
        raise Usage("nothing to unseal with", why=why, fix=fix)
    identity = sys.stdin.read(MOST_IDENTITY)
    if not identity.strip():
        raise Usage("nothing to unseal with", why="stdin is empty", fix="what did noc unlock say?")
    answer = _ask("unseal", node=node, identity=identity)["unsealed"]
    if as_json:
        print_json(answer)
    else:
        until = f"for {answer['seconds'] // 60} minutes; noc backup seal {node} forgets it at once"
        out.print(f"{mark('ok', 'unsealed')}  {plain(node)}, epoch {plain(answer['epoch'])}, {until}", soft_wrap=True)


def seal(node: NodeArgument, *, as_json: JsonOption = False) -> None:
    """Let HQ forget at once what it was given to open a node's backups."""
    answer = _ask("seal", node=node)["sealed"]
    if as_json:
        print_json(answer)
    else:
        said = "forgotten" if answer["keys"] else "nothing was unsealed"
        out.print(f"{mark('ok', 'sealed')}  {plain(node)}: {said}", soft_wrap=True)


def rehearse(node: NodeArgument, *, at: TimeOption = None, as_json: JsonOption = False) -> None:
    """Put a backup together on HQ, in memory, from what lies there sealed; open it, check it, count it.

    It is held against what was counted on the node when it was taken. The node is not asked, and nothing is changed.
    How it went is kept, and `noc doctor` says when the next one is due.
    """
    answer = _ask("rehearse", timeout_s=_REHEARSED_S, node=node, at=_moment(at))["rehearsal"]
    if as_json:
        print_json(answer)
    else:
        counted = f"{answer['tables']} tables, {answer['rows']} rows, in {answer['seconds']:g} s"
        said = f"backup {answer['backup']}: {counted if answer['ok'] else answer['why']}"
        word = mark("ok", "restorable") if answer["ok"] else mark("fail", "not restorable")
        out.print(f"{word}  {plain(node)}  {plain(said)}", soft_wrap=True)
    if not answer["ok"]:
        raise typer.Exit(1)


def _ask(op: str, *, timeout_s: float = 60.0, **fields: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON values
    from noc.runs.runner.client import Client  # noqa: PLC0415 - help stays light

    return Client().ask(op, timeout_s=timeout_s, **fields)


def _moment(text: str | None) -> str | None:
    from noc.cli.times import moment  # noqa: PLC0415 - help stays light

    return moment(text)
