"""Asking the watch, from a command on the same machine."""

import os
from typing import Any, Final

import httpx

from noc.errors import NocError, NotFound, NotPermitted
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


def ask(path: str, *, method: str = "GET", body: object = None, at: str | None = None) -> Any:  # noqa: ANN401 - the JSON document that the path answers with
    """Ask the watch's local listener.

    Args:
        path: path and query, as `/api/v1/incidents?open=1`.
        method: what to do there.
        body: a document that goes along as JSON; None for none.
        at: `unix:PATH` or `127.0.0.1:PORT`; None for NOC_WATCH_SOCKET (a path there may stand alone), else the
            default socket.

    Returns:
        The JSON document; None where the answer has none.

    Raises:
        WatchUnreachable: nobody answers there.
        NotFound, NotPermitted, BadRequest, StoreTrouble: the watch says so, in its own words.
        WatchRefused: the answer is another error.
    """
    where = at or os.environ.get(VARIABLE) or DEFAULT
    listener = read_local(f"unix:{where}" if where.startswith("/") else where)
    transport = httpx.HTTPTransport(uds=str(listener.path)) if isinstance(listener, Unix) else None
    base = "http://localhost" if isinstance(listener, Unix) else f"http://{listener}"
    try:
        with httpx.Client(transport=transport, timeout=TIMEOUT_S, trust_env=False) as client:
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
    return REFUSALS.get(answer.status_code, WatchRefused)(what, why=why, fix=fix)
