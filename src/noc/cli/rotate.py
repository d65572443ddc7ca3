"""`noc rotate`: secrets made anew, each beside the old one, proven, and only then the old one withdrawn."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import typer

from noc.cli.completion import node_names, node_names_or
from noc.cli.options import JsonOption, PlanOption, WaitOption
from noc.cli.output import err, mark
from noc.errors import NotPermitted, Usage

app = typer.Typer(add_completion=False)

LISTS = ("signer", "recipients")
SIGN_ANEW = "no node takes them anew before they are signed anew; those that ran them well may return to them"


@dataclass(frozen=True)
class Asked:
    """One call of the command.

    Attributes:
        secret: which.
        nodes: named nodes, or `all`.
        add, withdraw: members of a list of trust.
        without: nodes that a change of HQ's tunnel key goes on without.
        only_plan, as_json, wait_s: as every command has them.
    """

    secret: str
    nodes: list[str] = field(default_factory=lambda: ["all"])
    add: str | None = None
    withdraw: str | None = None
    only_plan: bool = False
    as_json: bool = False
    wait_s: float = 0
    without: tuple[str, ...] = ()

    @property
    def request(self) -> dict[str, Any]:
        """What the runner is asked to plan."""
        options = {"secret": self.secret, "without": self.without}
        return {"action": "rotate", "nodes": self.nodes, "options": options}


def run_it(asked: Asked) -> None:
    """Let the runner plan and carry it out; ends the command with the run's exit code."""
    from noc.cli.following import execute  # noqa: PLC0415 - help stays light

    execute(asked.request, only_plan=asked.only_plan, as_json=asked.as_json, wait_s=asked.wait_s)


def as_root(secret: str) -> None:
    """Go on as root alone: what HQ holds itself is root's. Raises NotPermitted."""
    if os.geteuid() != 0:
        raise NotPermitted(f"HQ's {secret} belongs to root", fix=f"sudo noc rotate {secret}")


def rotate_wg(asked: Asked) -> None:
    """Nodes' own tunnel keys, one node after the other."""
    from noc.cli.following import execute  # noqa: PLC0415 - help stays light

    request = {"action": "keygen", "nodes": asked.nodes}
    execute(request, only_plan=asked.only_plan, as_json=asked.as_json, wait_s=asked.wait_s)


def rotate_hub(asked: Asked) -> None:
    """HQ's tunnel key: the next one is made here, by root, unless a rotation is under way that has one."""
    from noc.fleet.inventory import load_inventory  # noqa: PLC0415
    from noc.hub.hubkey import ensure_next_key  # noqa: PLC0415
    from noc.hub.places import CREDENTIALS, FLEET, HUB_KEY_TOLD  # noqa: PLC0415
    from noc.runs.rotation.hub import is_under_way  # noqa: PLC0415

    as_root("hub")
    if not asked.only_plan and not is_under_way(load_inventory(FLEET)):
        ensure_next_key(CREDENTIALS, HUB_KEY_TOLD)
    run_it(asked)
    if not asked.only_plan:
        err.print(mark("warn", "HQ's backups from before hold a tunnel key that no node knows: noc hub backup"))


def rotate_hq_key(asked: Asked) -> None:
    """HQ's SSH key, or its host CA: root makes the next one and hands it to the runner, whose run does the rest."""
    from noc.fleet.inventory import load_inventory  # noqa: PLC0415
    from noc.fleet.load import load  # noqa: PLC0415
    from noc.hub.keys import ensure_keys  # noqa: PLC0415
    from noc.hub.places import FLEET, HOST_CA, SSH_KEY  # noqa: PLC0415
    from noc.hub.rotation import ensure_next, restart_runner, settle  # noqa: PLC0415

    as_root(asked.secret)
    hub, kind = load(FLEET).hub.name, {"ssh": SSH_KEY, "ca": HOST_CA}[asked.secret]
    if asked.only_plan:
        run_it(asked)
        return
    comment = f"noc@{hub}" if kind == SSH_KEY else f"host CA of {hub}"
    settled = settle(load_inventory(FLEET))
    if ensure_next(kind, comment, load_inventory(FLEET)) or settled:
        restart_runner(asked.wait_s)
    try:
        run_it(asked)
    finally:
        # Whatever became of the run: files follow what it has written down.
        if settle(load_inventory(FLEET)):
            ensure_keys(hub)
            restart_runner()


def rotate_signers(asked: Asked) -> None:
    """Whose releases are taken: HQ's own list first, then every node's, each of which proves it."""
    from noc.hub import trustlists as lists  # noqa: PLC0415
    from noc.release.store import ReleaseStore  # noqa: PLC0415

    as_root(asked.secret)
    _check_one(asked)
    text = lists.SIGNERS.read_text()
    if asked.add:
        text = lists.add_signer(text, lists.read_public(Path(asked.add)))
    if asked.withdraw:
        text = lists.withdraw_signer(text, asked.withdraw)
        if lost := lists.check_signed(text, ReleaseStore()):
            err.print(mark("warn", f"signed by nobody who is left: {lists.labels(lost)}; {SIGN_ANEW}"), soft_wrap=True)
    if not asked.only_plan:
        lists.write_list(lists.SIGNERS, text)
    run_it(asked)


def rotate_recipients(asked: Asked) -> None:
    """To whom backups are encrypted: HQ's list, then what HQ can seal anew."""
    from noc.hub import trustlists as lists  # noqa: PLC0415

    as_root(asked.secret)
    _check_one(asked)
    text = lists.RECIPIENTS.read_text()
    if asked.add:
        text = lists.add_recipient(text, asked.add)
    if asked.withdraw:
        text = lists.withdraw_recipient(text, asked.withdraw)
    if not asked.only_plan:
        lists.write_list(lists.RECIPIENTS, text)
    run_it(asked)


def _check_one(asked: Asked) -> None:
    """One change at a time: what is added is proven before anything is withdrawn. Raises Usage."""
    if asked.add and asked.withdraw:
        raise Usage("one is added, and then another is withdrawn", fix=f"noc rotate {asked.secret} --add … first")


ROTATIONS: Mapping[str, Callable[[Asked], None]] = {
    "push-token": run_it,
    "ssh": rotate_hq_key,
    "ca": rotate_hq_key,
    "signer": rotate_signers,
    "recipients": rotate_recipients,
    "wg": rotate_wg,
    "hub": rotate_hub,
}
"""What does it, by the secret."""


@app.command()
def rotate(
    secret: Annotated[
        str,
        typer.Argument(metavar="SECRET", help=f"One of {', '.join(ROTATIONS)}.", autocompletion=lambda: [*ROTATIONS]),
    ],
    nodes: Annotated[
        list[str] | None, typer.Argument(metavar="[NODE…|all]", autocompletion=node_names_or("all"))
    ] = None,
    *,
    add: Annotated[
        str | None, typer.Option("--add", metavar="FILE.pub|age1…", help="A signer, or a recipient, to add.")
    ] = None,
    withdraw: Annotated[
        str | None,
        typer.Option("--withdraw", metavar="SHA256:…|age1…", help="A signer, or a recipient, that counts no more."),
    ] = None,
    without: Annotated[
        list[str] | None,
        typer.Option(
            "--without", metavar="NODE", help="Of hub: not this node, which is down.", autocompletion=node_names
        ),
    ] = None,
    only_plan: PlanOption = False,
    wait_s: WaitOption = 0,
    as_json: JsonOption = False,
) -> None:
    """Make a secret anew, without a request, a push or a way in lost.

    The new one comes beside the old one, is proven, and only then the old one goes. Cut at any moment, both work, and
    the same command goes on. A node that is down keeps both, is shown by noc doctor, and is caught up once it is back.
    """
    if secret not in ROTATIONS:
        raise Usage(f"{secret} is no secret that can be rotated", fix=f"one of {', '.join(ROTATIONS)}")
    if (add or withdraw) and secret not in LISTS:
        raise Usage(f"{secret} is made anew, not added or withdrawn", fix=f"noc rotate {secret}")
    ROTATIONS[secret](Asked(secret, nodes or ["all"], add, withdraw, only_plan, as_json, wait_s, tuple(without or ())))
