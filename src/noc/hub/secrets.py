"""Secrets that come from outside: read from standard input, kept as credentials of HQ."""

from pathlib import Path

from noc.hub.errors import BadSecret, UnknownSecret
from noc.hub.places import CREDENTIALS, NTFY_TOKEN
from noc.hub.system import Owner, ensure_directory, ensure_file

KNOWN = (NTFY_TOKEN,)
MAX_CHARS = 4096


def set_secret(name: str, value: str, credentials: Path = CREDENTIALS) -> bool:
    """Keep a secret.

    Args:
        name: one of `KNOWN`.
        value: one line; white space around it is dropped.
        credentials: directory of HQ's credentials.

    Returns:
        Whether it is another than before.

    Raises:
        UnknownSecret, BadSecret: the message never repeats the value.
    """
    if name not in KNOWN:
        raise UnknownSecret(f"no unit of HQ reads a secret called {name}", fix=f"one of {', '.join(KNOWN)}")
    secret = value.strip()
    if not secret or len(secret) > MAX_CHARS or not secret.isprintable():
        raise BadSecret(f"{name} was not set", why="it is empty, too long or not one line", fix="pipe it in")
    ensure_directory(credentials, Owner(mode=0o700))
    return bool(ensure_file(credentials / name, secret + "\n", Owner(mode=0o600)))
