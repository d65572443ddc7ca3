"""The death push: tells HQ at once that the service ended, and how.

Started as `python3 -I -S down_push.py killed-KILL` with `KUMA_PUSH_URL` in its environment. Standard library only, and
little of it: every import is time until the alert. The URL carries a token and is never printed.
"""

import os
import socket
import sys
import time

TRY_FOR_S, PAUSE_S = 5.0, 0.25


def push(url: str, cause: str) -> bool:
    """Send one death to a push URL.

    Args:
        url: `http://HOST[:PORT]/api/push/TOKEN`, or https; what stands after a `?` is replaced.
        cause: how the service ended, `killed-KILL` or `exited-1`.

    Returns:
        Whether it was acknowledged with a 2xx.

    Raises:
        OSError, ValueError: no connection, or no URL.
    """
    scheme, _, rest = url.partition("?")[0].partition("://")
    place, _, path = rest.partition("/")
    host, _, port = place.partition(":")
    if scheme not in {"http", "https"} or not host:
        raise ValueError("no URL")
    request = f"POST /{path}?status=down&msg={cause}&boot= HTTP/1.1\r\nHost: {place}\r\nContent-Length: 0\r\n"
    with socket.create_connection((host, int(port or (443 if scheme == "https" else 80))), timeout=1.5) as plain:
        connection = _secure(plain, host) if scheme == "https" else plain
        connection.sendall(f"{request}Connection: close\r\n\r\n".encode())
        return connection.recv(64).split(b" ")[1:2] in ([b"200"], [b"201"], [b"202"], [b"204"])


def _secure(plain: socket.socket, host: str) -> socket.socket:
    import ssl  # noqa: PLC0415 - inside the tunnel nobody needs it

    return ssl.create_default_context().wrap_socket(plain, server_hostname=host)


def main() -> int:
    """Push, and try again for a few seconds; the status says whether HQ knows."""
    cause = "".join(char for char in sys.argv[1] if char.isalnum() or char in "-_")[:40]
    deadline = time.monotonic() + TRY_FOR_S
    try:
        while not _acknowledged(os.environ["KUMA_PUSH_URL"], cause):
            if time.monotonic() > deadline:
                return _fail(cause, f"no acknowledgement within {TRY_FOR_S:g} s")
            time.sleep(PAUSE_S)
    except (KeyError, ValueError):
        return _fail(cause, "KUMA_PUSH_URL is no URL")
    return 0


def _acknowledged(url: str, cause: str) -> bool:
    try:
        return push(url, cause)
    except OSError:
        return False


def _fail(cause: str, why: str) -> int:
    sys.stderr.write(f"the death ({cause}) could not be told to HQ: {why}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
