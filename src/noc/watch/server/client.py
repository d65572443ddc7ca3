"""Asking the watch, from a command on the same machine."""

import json
import os
import socket
from http.client import HTTPConnection, HTTPException
from typing import Any, Final

from noc.errors import NocError, NotFound, NotPermitted
from noc.watch import errors
from noc.watch.errors import BadRequest, StoreTrouble, WatchRefused, WatchUnreachable
from noc.watch.server.addresses import LOCAL, Tcp, Unix, read_local

VARIABLE: Final = "NOC_WATCH_SOCKET"
TIMEOUT_S: Final = 10.0

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
    where = at or os.environ.get(VARIABLE) or LOCAL
    connection = _Connection(read_local(f"unix:{where}" if where.startswith("/") else where), timeout_s)
    try:
        connection.request(method, path, None if body is None else json.dumps(body))
        answer = connection.getresponse()
        status, text = answer.status, answer.read()
    except (OSError, HTTPException) as error:
        fix = "systemctl status noc-watch; name another socket with --at or NOC_WATCH_SOCKET"
        if isinstance(error, PermissionError):
            fix = "on HQ, as root: usermod -aG noc USER, then log in again"
        why = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise WatchUnreachable(f"the watch does not answer at {where}", why=why, fix=fix) from error
    finally:
        connection.close()
    if not 200 <= status < 300:
        raise refusal(status, text, path)
    try:
        return json.loads(text) if text else None
    except ValueError as error:
        fix = "name the watch's socket with --at"
        raise WatchRefused(f"what answers at {where} is no watch", why=_quoted(text), fix=fix) from error


class _Connection(HTTPConnection):
    """HTTP to a listener of the watch, which may be a socket in the file system."""

    def __init__(self, listener: Tcp | Unix, timeout_s: float) -> None:
        host, port = (listener.address, listener.port) if isinstance(listener, Tcp) else ("localhost", None)
        super().__init__(host, port, timeout=timeout_s)
        self._listener = listener

    def connect(self) -> None:
        """Open the socket."""
        if isinstance(self._listener, Tcp):
            super().connect()
            return
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._listener.path))


def refusal(status: int, text: bytes, path: str) -> NocError:
    """What the watch said as the error of a command, with the exit code that fits the status."""
    try:
        said = json.loads(text)["error"]
        what, why, fix = (str(said.get(name, "")) for name in ("what", "why", "fix"))
    except (ValueError, LookupError, TypeError, AttributeError):
        return WatchRefused(f"the watch answered {status} to {path}", why=_quoted(text))
    by_status = REFUSALS.get(status, WatchRefused)
    return _kinds().get(str(said.get("code")), by_status)(what, why=why, fix=fix)


def _quoted(text: bytes) -> str:
    return text[:200].decode(errors="replace")


def _kinds() -> dict[str, type[NocError]]:
    """The errors that the watch answers with, by their code, so that a command ends as the watch's own words say."""
    known = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, NocError)]
    return {f"NOC-{kind.code}": kind for kind in known}
