"""Asking the watch, from a command on the same machine."""

import os
from typing import Any, Final

import httpx

from noc.watch.errors import WatchRefused, WatchUnreachable
from noc.watch.server.listeners import Unix, read_local

VARIABLE: Final = "NOC_WATCH_SOCKET"
DEFAULT: Final = "unix:/run/noc-watch/watch.sock"
TIMEOUT_S: Final = 10


def ask(path: str, *, at: str | None = None) -> Any:  # noqa: ANN401 - the JSON document that the path answers with
    """GET a JSON document from the watch's local listener.

    Args:
        path: path and query, as `/api/v1/incidents?open=1`.
        at: `unix:PATH` or `127.0.0.1:PORT`; None for NOC_WATCH_SOCKET (a path there may stand alone), else the
            default socket.

    Raises:
        WatchUnreachable: nobody answers there.
        WatchRefused: the answer is an error.
    """
    where = at or os.environ.get(VARIABLE) or DEFAULT
    listener = read_local(f"unix:{where}" if where.startswith("/") else where)
    transport = httpx.HTTPTransport(uds=str(listener.path)) if isinstance(listener, Unix) else None
    base = "http://localhost" if isinstance(listener, Unix) else f"http://{listener}"
    try:
        with httpx.Client(transport=transport, timeout=TIMEOUT_S, trust_env=False) as client:
            answer = client.get(base + path)
    except httpx.HTTPError as error:
        fix = "systemctl status noc-watch; name another socket with --at or NOC_WATCH_SOCKET"
        if isinstance(listener, Unix) and isinstance(error, httpx.ConnectError) and "Permission denied" in str(error):
            fix = "on HQ, as root: usermod -aG noc USER, then log in again"
        raise WatchUnreachable(f"the watch does not answer at {where}", why=str(error), fix=fix) from error
    if not answer.is_success:
        raise WatchRefused(f"the watch answered {answer.status_code} to {path}", why=answer.text[:200])
    return answer.json()
