"""`noc hub backup` and `noc hub restore`: HQ itself, copied to a second place, and put back on a bare machine."""

import sys
from datetime import UTC, datetime
from ipaddress import IPv4Address
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from noc.cli.options import JsonOption
from noc.cli.output import err, mark, out, plain, print_json, print_table, show_error
from noc.cli.root import as_root
from noc.cli.sizes import shown_size
from noc.cli.times import in_utc
from noc.errors import Usage

if TYPE_CHECKING:
    from noc.hub.backup import Made, Sent

backup = typer.Typer(add_completion=False, help="Copies of HQ itself: make one, look at those that there are.")


@backup.callback(invoke_without_command=True)
def make(
    context: typer.Context,
    *,
    file: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Write it here, and leave the second place alone.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Back HQ up: its keys, the fleet directory, journals, audit, releases, certificates, the watch's database.

    Only who holds an identity of /etc/noc-trust/recipients can open it. It goes to [backup.second] of the fleet file;
    where that cannot be reached it waits on HQ, and goes there with the next one.
    """
    if context.invoked_subcommand is not None:
        return
    from noc.hub.backup import Backups  # noqa: PLC0415

    as_root()
    backups, now = Backups(), datetime.now(UTC)
    made = backups.make(file, now)
    sent = None if file else backups.send(now)
    if as_json:
        waits = [copy.as_dict() for copy in backups.waiting()]
        print_json({**made.as_dict(), "second": sent.as_dict() if sent else None, "waiting": waits})
    else:
        _tell(made, sent, kept=file is None)
    if sent is not None and sent.error is not None:
        if not as_json:
            show_error(sent.error)
        raise typer.Exit(1)


def _tell(made: "Made", sent: "Sent | None", *, kept: bool) -> None:
    about = made.manifest
    out.print(f"{made.path.name}  {shown_size(made.bytes)}, {len(about.members)} files, fence {about.fence}")
    out.print(f"sha256 {made.sha256}")
    if sent is None:
        if kept:
            err.print(mark("warn", f"no second place is named: it lies in {made.path.parent} and is lost with HQ"))
        return
    for name in sent.sent:
        out.print(f"{mark('ok', 'sent')} {plain(name)} to {plain(sent.where)}, and read back")
    for name in sent.removed:
        out.print(f"{mark('info', 'removed')} {plain(name)}")


@backup.command("list")
def listed(*, as_json: JsonOption = False) -> None:
    """Show the copies of HQ: those in the second place, and those that wait on HQ to go there."""
    from noc.hub.backup import Backups  # noqa: PLC0415

    as_root()
    backups = Backups()
    kept, waits = backups.kept(), backups.waiting()
    if as_json:
        print_json({"second": [copy.as_dict() for copy in kept], "waiting": [copy.as_dict() for copy in waits]})
        return
    rows = [(copy.name, in_utc(copy.at.isoformat()), shown_size(copy.bytes), "second place") for copy in kept]
    rows += [(copy.name, in_utc(copy.at.isoformat()), shown_size(copy.bytes), "waits on HQ") for copy in waits]
    print_table(("backup", "made", "size", "where"), rows)
    if not rows:
        out.print("There is none.")


def restore(
    source: Annotated[str, typer.Argument(metavar="-", help="The opened backup, on standard input.")],
    *,
    ip: Annotated[str | None, typer.Option("--ip", help="HQ's public address, where it is another one now.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Make a bare machine HQ again, from a backup that was opened elsewhere: noc unlock <FILE | … noc hub restore -

    All of it is read and compared before anything is put in its place. Nothing is begun on the fleet before every node
    was asked what it has seen since.
    """
    from noc.hub.restore import Restoration  # noqa: PLC0415
    from noc.hub.steps import Done  # noqa: PLC0415

    as_root()
    if source != "-":
        raise Usage(
            "a backup is not opened on HQ", why="who opens it needs the operator's identity, which never comes here",
            fix="on the operator's machine: noc unlock <FILE | ssh HQ noc hub restore -",
        )  # fmt: skip
    restoration = Restoration(sys.stdin.buffer, _address(ip))
    for warning in restoration.warnings:
        err.print(mark("warn", warning))

    def tell(done: Done) -> None:
        changed = plain(", ".join(done.changed))
        err.print(f"{mark('ok', done.state):<28} {done.name:<12} {done.seconds:5.1f} s  {changed}", soft_wrap=True)

    steps = restoration.run(tell)
    about = restoration.manifest.model_dump(mode="json", exclude={"members"})
    if as_json:
        print_json({"backup": about, "steps": [step.as_dict() for step in steps], "warnings": restoration.warnings})
        return
    out.print(f"HQ {about['hub']} is restored from its backup of {in_utc(about['at'])}, fence {about['fence']}.")
    out.print(f"The tunnel's public key is {about['hub_key']}: every node must know this one (wg show wg0 peers).")
    out.print("Nothing begins before every node has told its fence: noc hub restored")


def _address(ip: str | None) -> IPv4Address | None:
    try:
        return IPv4Address(ip) if ip else None
    except ValueError:
        raise Usage(f"{ip} is no IPv4 address", fix="--ip 198.51.100.11") from None


def restored(
    *,
    without: Annotated[
        list[str] | None, typer.Option("--without", metavar="NODE", help="Go on though this node cannot be asked.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """After a restore: ask every node for its fence, so that HQ may act again. The runner does it by itself, too.

    A node that is down keeps HQ from acting, for it may have seen numbers that HQ would give again. --without goes on
    without it, by name; should it come back with a higher number, it refuses what HQ wants of it, and says so.
    """
    from noc.runs.runner.client import Client  # noqa: PLC0415

    document = Client().ask("restored", without=without or [])
    if as_json:
        print_json(document)
        return
    if document["restored"] is None:
        out.print("No restore is open: HQ may act.")
    else:
        out.print(f"HQ has taken over the fleet, restored from its backup of {in_utc(document['restored']['backup'])}.")
    rows = [(name, *_fence_shown(said)) for name, said in document["fences"].items()]
    print_table(("node", "fence", ""), rows)
    out.print(f"the next fence number is {document['next_fence']}")


def _fence_shown(said: int | str) -> tuple[str, str]:
    return (str(said), mark("ok", "answers")) if isinstance(said, int) else ("-", mark("warn", said))
