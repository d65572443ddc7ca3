"""`noc hub`: HQ itself."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from noc.cli.hub_backup import backup, restore, restored
from noc.cli.hub_upgrade import apply, told, upgrade
from noc.cli.options import FleetOption, JsonOption
from noc.cli.output import err, mark, out, print_json, print_table
from noc.cli.root import as_root

if TYPE_CHECKING:
    from noc.fleet.model import Fleet

SECRETS = (
    "ntfy_token, dead_man_url, dns_token, dns_tsig, aws, telegram_token, discord_token, model_key, "
    "agent_telegram_token, agent_discord_token, database_password, or a channel's."
)
app = typer.Typer(
    add_completion=False, no_args_is_help=True, help="HQ itself: install it, look at it, keep its secrets."
)
secret = typer.Typer(add_completion=False, no_args_is_help=True, help="Secrets that HQ's units read.")
app.add_typer(secret, name="secret")
app.add_typer(backup, name="backup")
app.command()(apply)
app.command()(upgrade)
for _command in (restore, restored):
    app.command()(_command)


@app.command()
def install(
    *,
    source: Annotated[
        Path | None,
        typer.Option("-C", "--fleet", metavar="DIR", help="Fleet directory to start from; not needed the second time."),
    ] = None,
    trust: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Directory `trust` that noc init made; not needed again.")
    ] = None,
    nix: Annotated[
        bool, typer.Option("--nix", help="Also what builds the systems of NixOS nodes: Nix 2.18, emulation of arm64.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Install HQ: users, tunnel hub, firewall, watch server, runner, proxy. Running it again changes nothing."""
    from noc.hub.install import Installation  # noqa: PLC0415

    as_root()
    installation = Installation(source, trust, nix)
    for warning in installation.warnings:
        err.print(mark("warn", warning))
    done = installation.run(told)
    changed = any(step.changed for step in done)
    if as_json:
        print_json(
            {
                "changed": changed,
                "steps": [step.as_dict() for step in done],
                "warnings": installation.warnings,
                "hub": installation.record.model_dump(mode="json"),
                "second_key": installation.second_key,
            }
        )
        return
    out.print("HQ is installed." if changed else "HQ is as it should be; nothing was changed.")
    out.print(f"Authorise this key for root on every node:\n{installation.record.ssh_key}", soft_wrap=True)
    if installation.second_key:
        out.print(f"Authorise this key for SFTP at the second place:\n{installation.second_key}", soft_wrap=True)


@app.command()
def status(*, as_json: JsonOption = False) -> None:
    """Look whether HQ is as it was installed."""
    from noc.hub.status import look  # noqa: PLC0415

    as_root()
    checks = look()
    if as_json:
        print_json({"ok": all(check.ok for check in checks), "checks": [check.as_dict() for check in checks]})
    else:
        rows = [(mark("ok" if c.ok else "fail", "ok" if c.ok else "wrong"), c.name, c.seen) for c in checks]
        print_table(("", "what", "seen"), rows)
    if not all(check.ok for check in checks):
        raise typer.Exit(1)


@app.command()
def peers(
    *,
    directory: FleetOption = None,
    follow: Annotated[bool, typer.Option("--follow", help="Go on, and apply every later list as well.")] = False,
) -> None:
    """Apply the list of tunnel peers; noc-peers.service does it by itself whenever the list changes."""
    import time  # noqa: PLC0415

    from noc.fleet.directory import fleet_directory  # noqa: PLC0415
    from noc.hub.endpoints import Endpoints  # noqa: PLC0415
    from noc.hub.hubkey import HubKey  # noqa: PLC0415
    from noc.hub.places import CREDENTIALS, HUB_KEY_ASKED, HUB_KEY_TOLD  # noqa: PLC0415
    from noc.hub.tunnel import POLL_S, PeerList  # noqa: PLC0415

    as_root()
    state = os.environ.get("STATE_DIRECTORY")
    hub_key = HubKey(CREDENTIALS, HUB_KEY_ASKED, HUB_KEY_TOLD if follow else None)
    peer_list = PeerList(fleet_directory(directory), hub_key, Endpoints(Path(state) if state else None))
    while True:
        if (told := peer_list.look()) is not None:
            err.print(told, soft_wrap=True, markup=False)
        if not follow:
            return
        time.sleep(POLL_S)


@app.command()
def move(
    *,
    ip: Annotated[str, typer.Option("--ip", help="HQ's new public address, which fleet.toml names already.")],
    canary: Annotated[str | None, typer.Option("--canary", help="The node to begin with.")] = None,
    only_plan: Annotated[bool, typer.Option("--plan", help="Show what would be done, and change nothing.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Give every node HQ's new address, before the old one is given up.

    HQ must hold both addresses until it is done. One node after the other gets the new endpoint, and goes back to the
    old one by itself unless HQ is heard there. Nodes that are down are owed it: give the command again once they are
    back, until none is left.
    """
    from noc.cli.following import execute  # noqa: PLC0415

    request = {"action": "deploy", "nodes": ["all"], "configuration": True, "canary": canary, "options": {"hub": ip}}
    execute(request, only_plan=only_plan, as_json=as_json)


@secret.command("set")
def set_secret(
    name: Annotated[str, typer.Argument(help=SECRETS)],
    *,
    as_json: JsonOption = False,
) -> None:
    """Keep a secret given on standard input, and let the unit that reads it have it."""
    from noc.hub.secrets import MAX_CHARS, outside_secrets  # noqa: PLC0415
    from noc.hub.secrets import set_secret as keep  # noqa: PLC0415

    as_root()
    given = sys.stdin.buffer.read(4 * MAX_CHARS + 2).decode(errors="surrogateescape")
    fleet = _installed_fleet()
    changed = keep(name, given, known=outside_secrets(fleet))
    _handed_over(name, fleet, "set" if changed else "unchanged", changed=changed, as_json=as_json)


@secret.command("remove")
def remove_secret(
    name: Annotated[str, typer.Argument(help=SECRETS)],
    *,
    as_json: JsonOption = False,
) -> None:
    """Forget a secret, and let the unit that had it go on without; the bot ends with the last token of a chat."""
    from noc.hub.secrets import outside_secrets  # noqa: PLC0415
    from noc.hub.secrets import remove_secret as forget  # noqa: PLC0415

    as_root()
    fleet = _installed_fleet()
    changed = forget(name, known=outside_secrets(fleet))
    _handed_over(name, fleet, "removed" if changed else "there was none", changed=changed, as_json=as_json)


def _installed_fleet() -> "Fleet | None":
    """The fleet of this HQ; None before it is installed."""
    from noc.fleet.load import load  # noqa: PLC0415
    from noc.hub.places import FLEET, UNITS  # noqa: PLC0415

    return load(FLEET) if (UNITS / "noc-watch.service").exists() else None


def _handed_over(name: str, fleet: "Fleet | None", told: str, *, changed: bool, as_json: bool) -> None:
    """Let the unit that reads a secret have it as it is now, and say what came of it."""
    if fleet is not None:
        from noc.hub.install import ensure_reader  # noqa: PLC0415

        changed |= bool(ensure_reader(name, fleet))
    if as_json:
        print_json({"secret": name, "changed": changed})
    else:
        err.print(told)
