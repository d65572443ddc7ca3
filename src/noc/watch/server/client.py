"""Asking the watch, from a command on the same machine."""

import os
from typing import Any, Final

import httpx

from noc.errors import NocError, NotFound, NotPermitted
from noc.watch import errors
from noc.watch.errors import BadRequest, StoreTrouble, WatchRefused, WatchUnreachable
from noc.watch.server.listeners import Unix, read_local

VARIABLE: Final = "NOC_WATCH_SOCKET"
DEFAULT: Final = "unix:/run/noc-watch/watch.sock"
TIMEOUT_S: Final = 10


REFUSALS: Final[dict[int, type[NocError]]] = {
    400: BadRequest,
    401: NotPermitted,
    403: NotPermitted,
    404: NotFound,
    422: BadRequest,
    503: StoreTrouble,
}


def ask(
    path: str, *, method: str = "GET", body: object = None, at: str | None = None, timeout_s: float = TIMEOUT_S
) -> Any:  # noqa: ANN401 - the JSON document that the path answers with
    """Ask the watch's local listener.

    Args:
        path: path and query, as `/api/v1/incidents?open=1`.
        method: what to do there.
        body: a document that goes along as JSON; None for none.
        at: `unix:PATH` or `127.0.0.1:PORT`; None for NOC_WATCH_SOCKET (a path there may stand alone), else the
            default socket.
        timeout_s: for the answer.

    Returns:
        The JSON document; None where the answer has none.

    Raises:
        WatchUnreachable: nobody answers there.
        NocError: the watch says so, in its own words.
        WatchRefused: the answer is an error that this release does not know.
    """
    where = at or os.environ.get(VARIABLE) or DEFAULT
    listener = read_local(f"unix:{where}" if where.startswith("/") else where)
    transport = httpx.HTTPTransport(uds=str(listener.path)) if isinstance(listener, Unix) else None
    base = "http://localhost" if isinstance(listener, Unix) else f"http://{listener}"
    try:
        with httpx.Client(transport=transport, timeout=timeout_s, trust_env=False) as client:
            answer = client.request(method, base + path, json=body)
    except httpx.HTTPError as error:
        fix = "systemctl status noc-watch; name another socket with --at or NOC_WATCH_SOCKET"
        if isinstance(listener, Unix) and isinstance(error, httpx.ConnectError) and "Permission denied" in str(error):
            fix = "on HQ, as root: usermod -aG noc USER, then log in again"
        raise WatchUnreachable(f"the watch does not answer at {where}", why=str(error), fix=fix) from error
    if not answer.is_success:
        raise _refusal(answer, path)
    return answer.json() if answer.content else None


def _refusal(answer: httpx.Response, path: str) -> NocError:
    """What the watch said as the error of a command, with the exit code that fits the status."""
    try:
        said = answer.json()["error"]
        what, why, fix = (str(said.get(name, "")) for name in ("what", "why", "fix"))
    except (ValueError, LookupError, TypeError, AttributeError):
        return WatchRefused(f"the watch answered {answer.status_code} to {path}", why=answer.text[:200])
    by_status = REFUSALS.get(answer.status_code, WatchRefused)
    return _kinds().get(str(said.get("code")), by_status)(what, why=why, fix=fix)


def _kinds() -> dict[str, type[NocError]]:
    """The errors that the watch answers with, by their code, so that a command ends as the watch's own words say."""
    known = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, NocError)]
    return {f"NOC-{kind.code}": kind for kind in known}
