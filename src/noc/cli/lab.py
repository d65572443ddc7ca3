"""`noc lab`: a fleet of real hosts on this machine."""

import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from noc.cli.completion import lab_names
from noc.cli.options import JsonOption
from noc.cli.output import err, mark, print_json, print_table

if TYPE_CHECKING:
    from noc.fleet.model import Node
    from noc.lab.lab import Lab

app = typer.Typer(add_completion=False, no_args_is_help=True)
PILOT = ("virginia", "frankfurt", "singapore")
Name = Annotated[str, typer.Argument(help="A machine of the lab; noc lab status lists them.", autocompletion=lab_names)]


def _lab() -> "Lab":
    from noc.lab.lab import Lab  # noqa: PLC0415 - heavy

    return Lab(tell=err.print)


@app.command()
def up(
    nodes: Annotated[
        list[str] | None,
        typer.Argument(help="Nodes by name, or all. The pilot's three by default.", autocompletion=lab_names),
    ] = None,
    *,
    count: Annotated[
        int | None, typer.Option("--nodes", min=0, help="That many nodes: the pilot's three first.")
    ] = None,
    image: Annotated[list[str] | None, typer.Option(help="NAME=bare: start a machine with nothing of ours.")] = None,
    disk: Annotated[bool, typer.Option("--disk", help="Keep what machines write on disk, not in memory.")] = False,
    authorized_key: Annotated[Path | None, typer.Option(help="Public keys that root accepts on every machine.")] = None,
    bare_zone: Annotated[
        bool, typer.Option("--bare-zone", help="Let the fleet's zone begin without its names: noc dns apply.")
    ] = False,
    aws: Annotated[
        bool, typer.Option("--aws", help="Nodes come by noc launch, from a stand-in for AWS with a new account.")
    ] = False,
) -> None:
    """Boot HQ and nodes, with an internet of their own. Makes the images when they are missing (about a minute)."""
    from noc.lab.cloud.account import new_account  # noqa: PLC0415

    lab = _lab()
    keys = authorized_key.read_text().splitlines() if authorized_key else []
    lab.up(
        _chosen(nodes or [], count), bare=_bare(image or []), disk=disk, authorized_keys=keys, bare_zone=bare_zone,
        account=new_account() if aws else None,
    )  # fmt: skip
    err.print(mark("ok", "up"))


def _chosen(names: list[str], count: int | None) -> list[str]:
    from noc.errors import Usage  # noqa: PLC0415

    if names and count is not None:
        raise Usage("nodes by name and --nodes exclude each other", fix="give one of them")
    if count is None:
        return names or list(PILOT)
    return first_nodes(count)


def first_nodes(count: int) -> list[str]:
    """So many nodes of the fleet: the pilot's three first."""
    return [*PILOT, *(node.name for node in _nodes() if node.name not in PILOT)][:count]


def _nodes() -> "tuple[Node, ...]":
    from noc.fleet.load import load  # noqa: PLC0415
    from noc.lab.fleet import SOURCE  # noqa: PLC0415

    return tuple(load(SOURCE).nodes)


def _bare(images: list[str]) -> list[str]:
    from noc.errors import Usage  # noqa: PLC0415

    pairs = [image.partition("=") for image in images]
    if any(kind not in {"bare", "warm"} for _, _, kind in pairs):
        raise Usage("--image takes NAME=bare or NAME=warm", fix="noc lab up --image frankfurt=bare")
    return [name for name, _, kind in pairs if kind == "bare"]


@app.command()
def down() -> None:
    """End the lab: no process, namespace, mount or interface is left."""
    _lab().down()
    err.print(mark("ok", "down"))


@app.command()
def status(*, as_json: JsonOption = False) -> None:
    """Show the lab's machines."""
    document = _lab().status()
    if as_json:
        print_json(document)
        return
    words = {"running": ("ok", "running"), "cut": ("warn", "cut off"), "off": ("fail", "off")}
    print_table(
        ["name", "image", "address", "state", "pid", "up", "line", "boot id"],
        (
            [
                row["name"],
                row["image"],
                row["address"],
                mark(*words[row["state"]]),
                str(row["pid"] or "-"),
                "-" if row["uptime_s"] is None else f"{row['uptime_s']:.0f} s",
                _line(row["delay_ms"], row["rate_mb_s"]),
                row["boot_id"] or "-",
            ]
            for row in document["machines"]
        ),
    )


def _line(delay_ms: float, rate_mb_s: float | None) -> str:
    parts = [f"+{delay_ms:.0f} ms"] if delay_ms else []
    return ", ".join([*parts, *([f"{rate_mb_s:g} MB/s"] if rate_mb_s else [])]) or "-"


@app.command()
def fleet(
    directory: Annotated[Path, typer.Argument(help="Directory to write to; made when missing.")],
    *,
    chats: Annotated[
        bool, typer.Option("--chats", help="With the lab's stand-ins for Telegram, Discord and a model.")
    ] = False,
) -> None:
    """Write the fleet directory for this lab's HQ: the same fleet, with the lab's addresses, authority and ntfy."""
    lab = _lab()
    status = lab.status()
    there = {machine["name"] for machine in status["machines"]}
    chosen = [node.name for node in _nodes() if node.name in there]
    lab.fleet_directory(directory, chosen, {}, cloud=bool(status["cloud"]), chats=chats)
    err.print(mark("ok", "written"), directory / "fleet.toml", soft_wrap=True)


@app.command()
def account() -> None:
    """Let the account at the lab's stand-in for AWS be otherwise: its settings as JSON on standard input.

    What it can be told stands in noc.lab.cloud.account: {"off": ["ap-east-1"], "vcpus": 1, "expired": true}. What is
    not named is as in an account in which everything is on and allowed.
    """
    import sys  # noqa: PLC0415

    from pydantic import ValidationError  # noqa: PLC0415

    from noc.errors import Usage  # noqa: PLC0415
    from noc.lab.cloud.account import Settings  # noqa: PLC0415
    from noc.lab.cloud.question import MOST_BYTES  # noqa: PLC0415

    try:
        settings = Settings.model_validate_json(sys.stdin.buffer.read(MOST_BYTES))
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())
        raise Usage("these are no settings of an account", why=wrong, fix='{"off": ["ap-east-1"]}') from None
    _lab().account(settings)
    err.print(mark("ok", "set"))


@app.command(context_settings={"ignore_unknown_options": True})
def ssh(
    name: Name, command: Annotated[list[str] | None, typer.Argument(help="A command; a shell without.")] = None
) -> None:
    """Run a command or a shell as root at a machine's console.

    It enters the machine's namespaces from this one, so it works when the machine's network or sshd does not.
    """
    argv = _lab().console(name, *(command or ()))
    if not command:
        err.print(f"{name}: console as root, by way of its namespaces (not over SSH)")
    os.execvp(argv[0], argv)  # noqa: S606 - the lab's own argv


@app.command(context_settings={"ignore_unknown_options": True})
def run(
    command: Annotated[list[str], typer.Argument(help="noc and its arguments, as an operator types them on HQ.")],
) -> None:
    """Run the installed noc on HQ: `noc lab run -- noc nodes`. Its exit code is this command's."""
    lab = _lab()
    argv = lab.console(lab.status()["hub"], *command)
    raise typer.Exit(subprocess.run(argv, check=False).returncode)


@app.command()
def kill(name: Name) -> None:
    """Pull a machine's power plug; its disk stays."""
    _lab().kill(name)


@app.command()
def boot(name: Name) -> None:
    """Switch a machine on, and wait until it is up."""
    _lab().boot(name)


@app.command()
def cut(name: Name) -> None:
    """Pull a machine's network cable."""
    _lab().cut(name)


@app.command()
def heal(name: Name) -> None:
    """Plug a machine's network cable in again."""
    _lab().heal(name)


@app.command()
def slow(
    name: Name,
    *,
    ms: Annotated[
        float | None, typer.Option(help="Round trip; the great circle's from HQ by default, 0 ends it.")
    ] = None,
    rate: Annotated[
        float | None, typer.Option(help="MB/s that its line carries each way; no limit by default.")
    ] = None,
) -> None:
    """Put a machine far away: everything it sends and receives takes longer."""
    away = _lab().slow(name, ms, rate)
    err.print(f"{name}: {away:.0f} ms of round trip" + (f", {rate:g} MB/s" if rate else ""))


@app.command(context_settings={"ignore_unknown_options": True})
def clock(
    name: Name, offset: Annotated[str, typer.Argument(help="How far it is ahead: +1h, -90m, 0 for the right time.")]
) -> None:
    """Set a machine's clock wrong, and start the machine anew: all of it lives by that time, the kernel excepted."""
    from noc.lab.clock import parse_offset  # noqa: PLC0415 - with the lab

    _lab().clock(name, parse_offset(offset))


@app.command()
def offer(
    packages: Annotated[list[Path] | None, typer.Argument(help="Packages (.deb); none takes all of them back.")] = None,
) -> None:
    """Let the lab's archive offer packages beside the images' own, so that machines have something to update to."""
    _lab().offer(*(packages or []))
