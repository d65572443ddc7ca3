"""`noc adopt`: take machines over that Terraform, or somebody at a console, has made."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from noc.cli.options import JsonOption, PlanOption, WaitOption
from noc.errors import Usage

app = typer.Typer(add_completion=False)

MOST_BYTES = 1 << 20


@app.command()
def adopt(
    nodes: Annotated[list[str] | None, typer.Argument(metavar="NODE...", help="Default: all of the output.")] = None,
    *,
    terraform: Annotated[
        str | None, typer.Option("--terraform", metavar="FILE|-", help="What terraform output -json says.")
    ] = None,
    tags: Annotated[bool, typer.Option("--tags", help="Find machines at the cloud by the nodes' tags.")] = False,
    host_key: Annotated[
        list[str] | None,
        typer.Option("--host-key", metavar="NODE=SHA256:…", help="Fingerprint from a machine's console."),
    ] = None,
    only_plan: PlanOption = False,
    wait_s: WaitOption = 0,
    as_json: JsonOption = False,
) -> None:
    """Write down the addresses of machines that something else has made, so that noc provision reaches them.

    A first contact needs the host key that a machine shows: given here, or to noc provision.
    """
    from noc.cli.following import execute  # noqa: PLC0415 - help stays light

    if (terraform is None) == (not tags):
        raise Usage("say where the addresses come from: --terraform FILE, or --tags", fix="noc adopt --help")
    found = read_outputs(_text(terraform)) if terraform else {}
    chosen = nodes or sorted(found)
    if not chosen:
        raise Usage("name the nodes", why="no output names an address")
    keys = dict(_key(text) for text in host_key or [])
    options = {"address": {name: found[name] for name in chosen if name in found}, "host_key": keys}
    request: dict[str, Any] = {"action": "adopt", "nodes": chosen, "options": options}
    execute(request, only_plan=only_plan, as_json=as_json, wait_s=wait_s)


def read_outputs(text: str) -> dict[str, str]:
    """Addresses by node, from what `terraform output -json` prints.

    https://developer.hashicorp.com/terraform/cli/commands/output: each output has `sensitive`, `type` and `value`.

    Raises:
        Usage: it is no such document, or has no output `addresses`.
    """
    try:
        value = json.loads(text)["addresses"]["value"]
        return {str(name): str(address) for name, address in value.items() if address}
    except (ValueError, KeyError, TypeError, AttributeError):
        why = "it is not JSON, or has no output called addresses"
        raise Usage(
            "the output cannot be read", why=why, fix="terraform output -json | noc adopt --terraform -"
        ) from None


def _text(source: str) -> str:
    if source == "-":
        return sys.stdin.buffer.read(MOST_BYTES).decode(errors="replace")
    with Path(source).open("rb") as file:
        return file.read(MOST_BYTES).decode(errors="replace")


def _key(text: str) -> tuple[str, str]:
    node, equals, fingerprint = text.partition("=")
    if not (node and equals and fingerprint):
        raise Usage(f"--host-key {text} is not NODE=SHA256:…")
    return node, fingerprint
