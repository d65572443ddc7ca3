"""The listeners: their sockets, and the bounds that every connection has."""

import grp
import logging
import os
import resource
import socket
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import uvicorn

from noc.watch.errors import CannotListen
from noc.watch.push.bounds import KEEP_ALIVE_S, MOST_CONNECTIONS, STOP_WITHIN_S
from noc.watch.server.addresses import Tcp, Unix
from noc.watch.server.bounded import BoundedProtocol

log = logging.getLogger(__name__)

BACKLOG: Final = 1_024
FIRST_FD: Final = 3  # sd_listen_fds(3)
IP_FREEBIND: Final = 15  # linux/in.h; Python's socket module does not name it


def open_tcp(tcp: Tcp) -> socket.socket:
    """Listen on TCP. The address may come up later than we do, as a tunnel's does. Raises CannotListen."""
    opened = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.setsockopt(socket.SOL_IP, IP_FREEBIND, 1)
        opened.bind((tcp.address, tcp.port))
        opened.listen(BACKLOG)
    except OSError as error:
        opened.close()
        fix = f"see who listens there: ss -ltnp 'sport = {tcp.port}'"
        raise CannotListen(f"cannot listen on {tcp}", why=error.strerror or str(error), fix=fix) from error
    return opened


def inherited() -> socket.socket | None:
    """The socket that systemd listens on for us, which outlives this process (sd_listen_fds(3)); None without one."""
    if os.environ.get("LISTEN_PID") != str(os.getpid()) or os.environ.get("LISTEN_FDS") != "1":
        return None
    opened = socket.socket(fileno=FIRST_FD)
    opened.set_inheritable(False)
    return opened


def open_unix(unix: Unix, *, group: str | None = None) -> socket.socket:
    """Listen on a Unix socket with mode 0660; one that nobody listens on any more is replaced.

    Args:
        unix: where.
        group: who may connect, where that group exists; else our own.

    Raises:
        CannotListen: it cannot be made.
    """
    opened = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        _remove_stale(unix.path)
        before = os.umask(0o117)
        try:
            opened.bind(str(unix.path))
        finally:
            os.umask(before)
        if group is not None:
            _give(unix.path, group)
        opened.listen(BACKLOG)
    except OSError as error:
        opened.close()
        fix = f"see that {unix.path.parent} is there and ours to write, and that no other watch uses it"
        raise CannotListen(f"cannot listen on {unix}", why=error.strerror or str(error), fix=fix) from error
    return opened


def _give(path: Path, group: str) -> None:
    try:
        number = grp.getgrnam(group).gr_gid
    except KeyError:
        return
    try:
        os.chown(path, -1, number)
    except PermissionError:  # pushes must be heard all the same
        log.warning("%s could not be given to the group %s: we are not in it", path, group)


def _remove_stale(path: Path) -> None:
    if not path.exists() or not stat.S_ISSOCK(path.stat().st_mode):
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink()


def allow_connections() -> None:
    """Take as many file descriptors as the system lets us: its usual 1,024 are fewer than our connections."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2 * MOST_CONNECTIONS if hard == resource.RLIM_INFINITY else min(hard, 2 * MOST_CONNECTIONS)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


class Listener(uvicorn.Server):
    """A uvicorn server that leaves signals to whoever runs several of them."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none: the process has its own handlers."""
        yield


def listener(app: Any, protocol: type[BoundedProtocol] = BoundedProtocol) -> Listener:  # noqa: ANN401 - an ASGI
    """A server for one ASGI application: no name, no version, no access log, bounded connections."""
    return Listener(
        uvicorn.Config(
            app,
            loop="none",
            http=protocol,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=int(KEEP_ALIVE_S),
            timeout_graceful_shutdown=int(STOP_WITHIN_S),
            limit_concurrency=MOST_CONNECTIONS,
        )
    )
