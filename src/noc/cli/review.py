"""`noc review`: a milestone's acceptance, and the decision on it."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from noc.cli.options import JsonOption
from noc.cli.output import err, mark, out, plain, print_json, print_table
from noc.errors import Usage

if TYPE_CHECKING:
    from noc.runs.review.report import Report

app = typer.Typer(add_completion=False)

MILESTONES = ("M1", "M2", "M3", "M4", "M5", "M6", "M7")
WITHIN_S = 300.0
_MARKS = {"passed": "ok", "failed": "fail", "not run": "warn"}


@app.command()
def review(
    milestone: Annotated[str, typer.Argument(metavar="M1…M7", autocompletion=lambda: list(MILESTONES))],
    *,
    html: Annotated[Path | None, typer.Option("--html", metavar="FILE", help="Write the report as one page.")] = None,
    decide: Annotated[
        str | None, typer.Option("--decide", metavar="go|no-go", help="Decide on the newest report, by signature.")
    ] = None,
    statement: Annotated[
        str | None, typer.Option("--statement", metavar="go|no-go", help="Print what is to be signed, and end.")
    ] = None,
    key: Annotated[
        Path | None, typer.Option("--key", metavar="FILE", help="Sign with this SSH key, or by its .pub with an agent.")
    ] = None,
    signature: Annotated[
        Path | None, typer.Option("--signature", metavar="FILE", help="A signature made elsewhere, of the statement.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Run a milestone's acceptance against the fleet, keep the evidence, and say go or no-go.

    A check that could not run is no pass. A node that a person has accepted as left out is named with the reason, and
    never counted. The report is kept on HQ; a decision is an approver's SSH signature over its digest, and later
    milestones ask for it. To sign on another machine: noc review M4 --statement go > decision; ssh-keygen -Y sign
    -n noc-decision -f KEY decision; noc review M4 --decide go --signature decision.sig.

    Returns 0 for a go, 1 for a no-go.
    """
    from noc.runs.runner.client import Client  # noqa: PLC0415 - help stays light

    client = Client()
    if statement:
        answer = client.ask("statement", milestone=milestone, word=statement)
        print_json(answer) if as_json else sys.stdout.write(answer["statement"])
    elif decide:
        _decide(client.ask, milestone, decide, _source(key, signature), as_json=as_json)
    else:
        _review(client.ask("review", milestone=milestone, timeout_s=WITHIN_S), html, as_json=as_json)


def _review(answer: dict[str, Any], html: Path | None, *, as_json: bool) -> None:
    from noc.runs.review.report import Report, write_html  # noqa: PLC0415

    report = Report.model_validate(answer["report"])
    if html:
        write_html(report, html)
    if as_json:
        print_json(report.as_document())
    else:
        _show(report, html)
    if not report.go:
        raise typer.Exit(1)


def _show(report: "Report", html: Path | None) -> None:
    out.print(f"{report.milestone}  {plain(report.title)}")
    rows = [(mark(_MARKS[line.verdict.value], line.verdict.value), line.name, line.summary) for line in report.lines]
    print_table(("", "accepted when", "seen"), rows)
    for line in report.lines:
        if not line.passed:
            for item in line.evidence:
                err.print(f"  {plain(line.name)}: {plain(item.label)}: {plain(item.value)}", soft_wrap=True)
    word = mark("ok", "GO") if report.go else mark("fail", "NO-GO")
    out.print(f"{word}  report {report.digest[:16]}" + (f", {plain(str(html))}" if html else ""))


def _source(key: Path | None, signature: Path | None) -> tuple[Path | None, Path | None]:
    if (key is None) == (signature is None):
        raise Usage("a decision is signed: by --key, or elsewhere and brought by --signature", fix="noc review --help")
    return key, signature


def _decide(ask: Any, milestone: str, word: str, source: tuple[Path | None, Path | None], *, as_json: bool) -> None:  # noqa: ANN401 - Client.ask
    from noc.release.sshkeygen import sign_text  # noqa: PLC0415
    from noc.release.sshsig import MAX_SIGNATURE_BYTES  # noqa: PLC0415
    from noc.runs.review.decision import NAMESPACE  # noqa: PLC0415

    key, made = source
    if key:
        text = ask("statement", milestone=milestone, word=word)["statement"]
        armoured = sign_text(text.encode(), key, NAMESPACE).decode()
    else:
        assert made is not None
        with made.open("rb") as file:
            armoured = file.read(MAX_SIGNATURE_BYTES + 1).decode(errors="replace")
    decision = ask("decide", milestone=milestone, word=word, signature=armoured)["decision"]
    if as_json:
        print_json(decision)
    else:
        kind = "ok" if decision["word"] == "go" else "fail"
        told = f"{plain(decision['milestone'])} by {plain(decision['person'])}, report {decision['digest'][:16]}"
        out.print(f"{mark(kind, decision['word'].upper())}  {told}")
