"""`noc approve`: agree to a plan that waits."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from noc.cli.options import JsonOption
from noc.cli.output import err, mark, out, plain, print_json
from noc.errors import Usage

app = typer.Typer(add_completion=False)

NameArgument = Annotated[
    list[str] | None,
    typer.Argument(metavar="[DIGEST|PHRASE...|last]", help="Eight or more digits, the four words, or last (default)."),
]


@app.command()
def approve(
    name: NameArgument = None,
    *,
    key: Annotated[
        Path | None, typer.Option("--key", metavar="FILE", help="Sign with this SSH key, or by its .pub with an agent.")
    ] = None,
    signature: Annotated[
        Path | None, typer.Option("--signature", metavar="FILE", help="A signature made elsewhere, of the statement.")
    ] = None,
    only_statement: Annotated[bool, typer.Option("--statement", help="Print what is to be signed, and end.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    no_follow: Annotated[bool, typer.Option("--no-follow", help="Return once the run has begun.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Agree to a plan that waits, and follow the run that this begins.

    The plan is shown first, with its phrase: compare that with what the person who asked for it sees. An approval
    is good for this plan alone, once, until it expires, and as long as the fleet is what the plan was made for.

    A plan from the risk on that fleet.toml names is approved by an SSH signature. To make it on another machine:
    noc approve --statement > plan; ssh-keygen -Y sign -n noc-approval -f KEY plan; noc approve --signature plan.sig.
    """
    from noc.runs.runner.client import Client  # noqa: PLC0415 - help stays light

    if key and signature:
        raise Usage("--key and --signature exclude each other", fix="noc approve --help")
    if as_json and not (yes or only_statement):
        raise Usage(
            "with --json the plan is not shown before it is approved", fix="noc pending, then give --yes as well"
        )
    client = Client()
    found = client.ask("pending", request=" ".join(name or ["last"]))
    request = found["request"]
    _check(request)
    if only_statement:
        print_json({"statement": request["statement"]}) if as_json else sys.stdout.write(request["statement"])
        return
    _show(found, as_json=as_json)
    _agree(request, yes=yes, can_sign=bool(key or signature))
    run, events = client.approve(request["digest"], _signature(request, key, signature), heard=_tell)
    if no_follow:
        events.close()
        print_json({"run": run, "digest": request["digest"]}) if as_json else out.print(f"run {run}")
        return
    from noc.cli.following import finish, follow  # noqa: PLC0415

    finish(follow(run, events), as_json=as_json)


def _check(request: dict[str, Any]) -> None:
    """What is shown has to be what is approved: the digest is taken from the plan itself."""
    from noc.runs.errors import PlanRefused  # noqa: PLC0415
    from noc.runs.plan.phrase import phrase  # noqa: PLC0415
    from noc.runs.plan.plan import Plan  # noqa: PLC0415

    digest = Plan.model_validate(request["plan"]).content_digest()
    named = f"digest: {digest}" in request["statement"].splitlines()
    if request["digest"] != digest or request["phrase"] != phrase(digest) or not named:
        raise PlanRefused("the runner shows another plan than it names", fix="journalctl -u noc-runner")


def _show(found: dict[str, Any], *, as_json: bool) -> None:
    from noc.cli.planned import show_plan  # noqa: PLC0415

    if not as_json:
        request = found["request"]
        answer = {"plan": request["plan"], "labels": found["labels"], "agreement": request["needs"]}
        show_plan(answer, as_json=False)
        out.print(f"asked for by {plain(request['requester'])}")


def _agree(request: dict[str, Any], *, yes: bool, can_sign: bool) -> None:
    """Ask the person, where the request can still be answered; if it cannot, the runner says why."""
    if request["state"] not in ("pending", "approved"):
        return
    if request["signed"] and not request["approval"] and not can_sign:
        raise Usage(
            f"a plan of {request['risk']} risk is approved by signature",
            fix="noc approve --key FILE, your SSH key or its .pub where an agent holds it",
        )
    if yes:
        return
    if not sys.stdin.isatty():
        raise Usage("nobody is at the terminal to agree", fix="look at the plan, then give --yes")
    if not typer.confirm(f"Approve {request['phrase']}?", err=True):
        err.print("nothing was approved")
        raise typer.Exit(1)


def _signature(request: dict[str, Any], key: Path | None, made: Path | None) -> str | None:
    from noc.release.sshkeygen import sign_text  # noqa: PLC0415
    from noc.release.sshsig import MAX_SIGNATURE_BYTES  # noqa: PLC0415
    from noc.runs.admission.signature import NAMESPACE  # noqa: PLC0415

    if key:
        return sign_text(request["statement"].encode(), key, NAMESPACE).decode()
    if made:
        with made.open("rb") as file:
            return file.read(MAX_SIGNATURE_BYTES + 1).decode(errors="replace")
    return None


def _tell(answer: dict[str, Any]) -> None:
    if given := answer.get("approved"):
        err.print(f"{mark('ok', 'approved')}  {plain(given['what'])} ({plain(given['phrase'])})", soft_wrap=True)
    elif "waiting" in answer:
        err.print(f"{mark('pending', '')}{plain(answer['waiting'])}", soft_wrap=True)
