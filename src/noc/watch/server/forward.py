"""HQ's dashboard on the operator's own machine: OpenSSH brings the watch's socket to a port of the loopback."""

import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import httpx

from noc.watch.errors import NoTunnel
from noc.watch.server.addresses import SOCKET

WITHIN_S: Final = 120.0
"""A person may have to type a passphrase."""

EVERY_S: Final = 0.2
END_S: Final = 5.0


@contextmanager
def forwarded(host: str, remote: Path = SOCKET) -> Iterator[tuple[str, "subprocess.Popen[bytes]"]]:
    """The dashboard's address on this machine, and the SSH client that brings it; ended on leaving.

    SSH asks the person for what it needs, and checks the host's key as the person's own settings say.

    Args:
        host: `USER@HQ`, or a name from the person's ssh_config(5).
        remote: the watch's socket there.

    Raises:
        NoTunnel: SSH ended, or brought nothing in time.
    """
    if host.startswith("-"):
        raise NoTunnel(f"{host!r} is no host", fix="write USER@HQ")
    port = _free_port()
    options = ("ExitOnForwardFailure=yes", "ControlMaster=no", "ControlPath=none", "ServerAliveInterval=15")
    argv = ["ssh", "-N", "-T", *(word for option in options for word in ("-o", option))]
    try:
        client = subprocess.Popen([*argv, "-L", f"127.0.0.1:{port}:{remote}", "--", host])
    except OSError as error:
        raise NoTunnel("ssh cannot be started", why=error.strerror or str(error)) from error
    try:
        url = f"http://127.0.0.1:{port}/"
        _wait(client, url, host)
        yield url, client
    finally:
        client.terminate()
        try:
            client.wait(END_S)
        except subprocess.TimeoutExpired:
            client.kill()
            client.wait()


def refuse_ended(client: "subprocess.Popen[bytes]", host: str) -> None:
    """Raises NoTunnel where the SSH client has ended."""
    if (status := client.poll()) is not None:
        fix = "what ssh said stands above; on HQ you must be in the group noc"
        raise NoTunnel(f"ssh to {host} ended", why=f"status {status}", fix=fix)


def _wait(client: "subprocess.Popen[bytes]", url: str, host: str) -> None:
    end = time.monotonic() + WITHIN_S
    refused = ""
    while time.monotonic() < end:
        refuse_ended(client, host)
        try:
            if httpx.get(f"{url}health", trust_env=False, timeout=EVERY_S * 10).status_code in {200, 503}:
                return
        except httpx.RemoteProtocolError as error:  # SSH is there, and the socket at its other end is not
            refused = str(error)
        except httpx.HTTPError:
            pass
        time.sleep(EVERY_S)
    fix = "on HQ: systemctl status noc-watch; you must be in the group noc there"
    raise NoTunnel(f"ssh to {host} brings no dashboard", why=refused or "nothing answers", fix=fix)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
