"""Being a systemd service: the socket that it hands over, and the word that all is ready."""

import contextlib
import grp
import os
import socket
from pathlib import Path

GROUP = "noc"
"""Whoever may knock; whom the door lets in is decided there, by who knocks."""
_FIRST_FD = 3


def listening_socket(path: Path) -> socket.socket:
    """The socket that systemd passed (sd_listen_fds(3)), or one bound to `path` here with mode 0660."""
    if os.environ.get("LISTEN_PID") == str(os.getpid()) and os.environ.get("LISTEN_FDS") == "1":
        return socket.socket(fileno=_FIRST_FD)
    path.unlink(missing_ok=True)
    bound = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o117)
    try:
        bound.bind(str(path))
    finally:
        os.umask(before)
    # Outside of HQ there is no such group, or we are not in it: the door then opens to its owner and root alone.
    with contextlib.suppress(KeyError, PermissionError):
        os.chown(path, -1, grp.getgrnam(GROUP).gr_gid)
    bound.listen(16)
    return bound


def notify(state: str) -> None:
    """Tell systemd, where it listens (sd_notify(3)): READY=1, STOPPING=1."""
    address = os.environ.get("NOTIFY_SOCKET")
    if address:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
            channel.connect("\0" + address[1:] if address.startswith("@") else address)
            channel.sendall(state.encode())
