"""`noc exec`: one command on nodes."""

import sys
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from noc.cli.colours import Columns, harmless
from noc.cli.completion import node_names_or
from noc.cli.options import JsonOption
from noc.cli.output import err, mark, plain, print_json
from noc.errors import Usage

app = typer.Typer(add_completion=False)

_COMMAND = "noc.exec.command"


class _Split(TyperCommand):
    """Keeps what stands behind `--` as it is: it belongs to the command on the node, options and all."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401 - typer does not export its click types
        """Read what stands before `--`; the rest goes to the context."""
        own, rest = (args[: (at := args.index("--"))], args[at + 1 :]) if "--" in args else (args, [])
        ctx.meta[_COMMAND] = rest
        parsed: list[str] = super().parse_args(ctx, own)
        return parsed


@app.command(cls=_Split)
def exec_(
    context: typer.Context,
    nodes: Annotated[
        list[str],
        typer.Argument(metavar="NODE...|all -- COMMAND...", help="Where.", autocompletion=node_names_or("all")),
    ],
    *,
    within_s: Annotated[
        float, typer.Option("--timeout", metavar="SECONDS", min=1, max=3600, help="What a node gets.")
    ] = 60,
    at_once: Annotated[int, typer.Option("--at-once", metavar="N", min=1, max=32, help="Nodes at a time.")] = 8,
    group: Annotated[bool, typer.Option("--group", help="Show each node's output as a whole.")] = False,
    anyway: Annotated[bool, typer.Option("--anyway", help="Also on nodes that a run has in its plan.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Run a command on nodes as root, through the tunnel. It ends there with its time, or with Ctrl-C here.

    Each word goes there as it is: no shell reads it. For a shell's work write -- sh -c '…'. The command line is
    written down in the audit with the exit codes; what it says is not.

    Returns 0 if it ended with 0 on all nodes, 3 on some, 1 on none.
    """
    from noc.runs.runner.client import Client  # noqa: PLC0415 - help stays light

    argv = context.meta[_COMMAND]
    if not argv:
        raise Usage("there is no command", fix=f"noc exec {' '.join(nodes)} -- uptime")
    fields = {"nodes": nodes, "argv": argv, "within_s": within_s, "at_once": at_once, "anyway": anyway}
    with Client().talk("exec", **fields) as talk:
        asked = (talk.answer() or {})["nodes"]
        said = _Said(asked, live=not as_json and not group, tell=len(asked) > 1)
        for answer in talk.answers("end"):
            if "node" in answer:
                said.take(answer)
                if group and "line" not in answer and not as_json:
                    said.show(answer["node"])
    if as_json:
        print_json({"command": argv, "nodes": said.rows()})
    if status := said.status():
        raise typer.Exit(status)


class _Said:
    """What nodes said, shown as it comes or kept."""

    def __init__(self, nodes: list[str], *, live: bool, tell: bool) -> None:
        self._live, self._tell = live, tell
        self._lines: dict[str, list[tuple[str, str]]] = {node: [] for node in nodes}
        self._ends: dict[str, dict[str, Any]] = {}
        self._columns = {"out": Columns(nodes, sys.stdout), "err": Columns(nodes, sys.stderr)}

    def take(self, answer: dict[str, Any]) -> None:
        """One answer of the runner."""
        node = answer["node"]
        if "line" not in answer:
            self._ends[node] = answer
            if self._tell or answer.get("exit") != 0 or answer.get("cut"):
                self._end(node, answer)
        elif self._live:
            self._write(node, answer["stream"], answer["line"], prefixed=self._tell)
        else:
            self._lines[node].append((answer["stream"], answer["line"]))

    def show(self, node: str) -> None:
        """What was kept of a node, under its name."""
        sys.stdout.write(f"── {self._columns['out'].name(node)}\n")
        for stream, line in self._lines[node]:
            self._write(node, stream, line, prefixed=False)

    def rows(self) -> list[dict[str, Any]]:
        """Every node for programs, with its output as it was."""
        return [{**end, **{name: self._text(node, name) for name in ("out", "err")}} for node, end in self._in_order()]

    def status(self) -> int:
        """The exit code: 0 where all ended well, 3 where some did, 1 where none did."""
        good = sum(end.get("exit") == 0 for end in self._ends.values())
        return 0 if good == len(self._lines) else 3 if good else 1

    def _in_order(self) -> list[tuple[str, dict[str, Any]]]:
        return [(node, self._ends[node]) for node in self._lines if node in self._ends]

    def _text(self, node: str, name: str) -> str:
        return "".join(f"{line}\n" for stream, line in self._lines[node] if stream == name)

    def _write(self, node: str, name: str, line: str, *, prefixed: bool) -> None:
        stream = sys.stdout if name == "out" else sys.stderr
        before = f"{self._columns[name].name(node)}  " if prefixed else ""
        stream.write(f"{before}{harmless(line)}\n")
        stream.flush()

    def _end(self, node: str, answer: dict[str, Any]) -> None:
        if error := answer.get("failed"):
            err.print(f"{mark('fail', node)}: {plain(': '.join(filter(None, (error['what'], error['why']))))}")
            return
        words = f"exit {answer['exit']} after {answer['seconds']:g} s"
        if answer["cut"]:
            words += f"; {answer['cut']} bytes of output are left out"
        err.print(f"{mark('fail' if answer['exit'] else 'ok', node)}: {words}")
