"""`noc dashboard`: the pages of the watch, from a laptop or signed in."""

from pathlib import Path
from typing import Annotated, Any

import typer

from noc.cli.options import AtOption, JsonOption
from noc.cli.output import err, mark, out, plain, print_json, print_table
from noc.cli.times import in_utc
from noc.errors import Usage

app = typer.Typer(add_completion=False)


@app.command()
def dashboard(
    *,
    host: Annotated[
        str, typer.Option("--host", metavar="USER@HQ", envvar="NOC_HQ", help="Open it here, through SSH.")
    ] = "",
    remote: Annotated[
        Path | None, typer.Option("--socket", metavar="FILE", help="The watch's socket on HQ, where it is another.")
    ] = None,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Print the address, and open nothing.")] = False,
    link: Annotated[bool, typer.Option("--link", help="On HQ: print a link that signs you in once.")] = False,
    sessions: Annotated[bool, typer.Option("--sessions", help="On HQ: list who is signed in.")] = False,
    sign_out: Annotated[
        str, typer.Option("--sign-out", metavar="NAME", help="On HQ: end every session of a person.")
    ] = "",
    as_json: JsonOption = False,
    at: AtOption = None,
) -> None:
    """Open the dashboard of HQ's watch, or manage who is signed in to it.

    With --host it is brought here through SSH until Ctrl-C, and you are your login on HQ. With --link a browser
    anywhere becomes yours for 30 days.
    """
    wanted = [bool(host) and not (link or sessions or sign_out), link, sessions, bool(sign_out)]
    if sum(wanted) != 1:
        fix = "noc dashboard --host USER@HQ on your machine; --link, --sessions or --sign-out NAME on HQ"
        raise Usage("say how the dashboard is to be opened", fix=fix)
    if link:
        _link(as_json=as_json, at=at)
    elif sessions:
        _sessions(as_json=as_json, at=at)
    elif sign_out:
        _sign_out(sign_out, as_json=as_json, at=at)
    else:
        _open(host, remote, browser=not no_browser, as_json=as_json)


def _open(host: str, remote: Path | None, *, browser: bool, as_json: bool) -> None:
    import time  # noqa: PLC0415 - help stays light
    import webbrowser  # noqa: PLC0415

    from noc.watch.server.addresses import SOCKET  # noqa: PLC0415
    from noc.watch.server.forward import EVERY_S, forwarded, refuse_ended  # noqa: PLC0415

    try:
        with forwarded(host, remote or SOCKET) as (url, client):
            if as_json:
                print_json({"url": url})
            else:
                out.print(url, markup=False)
            out.file.flush()
            if browser and not webbrowser.open(url):
                err.print("no browser was found: open the address above")
            err.print("Ctrl-C ends it")
            while True:
                refuse_ended(client, host)
                time.sleep(EVERY_S)
    except KeyboardInterrupt:
        return


def _link(*, as_json: bool, at: str | None) -> None:
    from noc.watch.server.client import ask  # noqa: PLC0415

    made = ask("/api/v1/links", method="POST", at=at)
    if as_json:
        print_json(made)
        return
    err.print(plain(f"signs {made['person']} in once, until {in_utc(made['expires_at'])}:"))
    out.print(made["url"], markup=False)
    if out.is_terminal:
        import segno  # noqa: PLC0415

        segno.make(made["url"], error="l").terminal(compact=True)


def _sessions(*, as_json: bool, at: str | None) -> None:
    from noc.watch.server.client import ask  # noqa: PLC0415

    document = ask("/api/v1/sessions", at=at)
    if as_json:
        print_json(document)
    elif not document["sessions"]:
        out.print("nobody is signed in")
    else:
        print_table(("person", "role", "browser", "since", "last used", "until"), map(_row, document["sessions"]))


def _row(session: dict[str, Any]) -> tuple[str, ...]:
    role = session["role"] or mark("warn", "not in the fleet file")
    times = (in_utc(session[name]) for name in ("created_at", "used_at", "expires_at"))
    return session["person"], role, session["browser"], *times


def _sign_out(person: str, *, as_json: bool, at: str | None) -> None:
    from urllib.parse import quote  # noqa: PLC0415

    from noc.watch.server.client import ask  # noqa: PLC0415

    ended = ask(f"/api/v1/sessions/{quote(person, safe='')}", method="DELETE", at=at)
    if as_json:
        print_json(ended)
    else:
        count = ended["ended"]
        out.print(mark("ok", f"{person}: {count} {'session' if count == 1 else 'sessions'} ended"))
