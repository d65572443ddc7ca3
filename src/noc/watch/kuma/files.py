"""The files that a sync may use: who signs in, push tokens, a token of ntfy. All are secrets."""

import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import tomli_w

from noc.fleet.files import replace
from noc.watch.errors import KumaFile

MAX_BYTES = 64 * 1024
TOKEN = re.compile(r"[A-Za-z0-9_-]{16,64}")


@dataclass(frozen=True)
class Login:
    """Who signs in at Uptime Kuma."""

    username: str
    password: str = field(repr=False)


def read_login(path: Path) -> Login:
    """Read `username = "…"` and `password = "…"` from a TOML file.

    Raises:
        KumaFile: it cannot be used; the message repeats nothing of it.
    """
    found = _read(path)
    if sorted(found) != ["password", "username"] or not all(found.values()):
        raise KumaFile(f"{path} does not say who signs in", fix='two lines: username = "…" and password = "…"')
    return Login(found["username"], found["password"])


def read_tokens(path: Path) -> dict[str, str]:
    """Read the push tokens by node; none where the file is not there yet.

    Raises:
        KumaFile: it cannot be used; the message repeats no token.
    """
    found = _read(path) if path.exists() else {}
    if bad := [name for name, token in found.items() if not TOKEN.fullmatch(token)]:
        raise KumaFile(f"{path} has no token for {bad[0][:40]}", why="one has 16 to 64 letters, digits, - and _")
    if len(set(found.values())) < len(found):
        raise KumaFile(f"{path} gives two nodes the same token", why="pushes of one would keep the other up")
    return found


def write_tokens(path: Path, tokens: Mapping[str, str]) -> None:
    """Write the push tokens, for root's or the operator's eyes alone."""
    if not path.exists():
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    replace(path, tomli_w.dumps(dict(sorted(tokens.items()))))


def read_secret(path: Path) -> str:
    """One line that is a secret, as an access token.

    Raises:
        KumaFile: it cannot be used.
    """
    text = _text(path).strip()
    if not text or not text.isprintable():
        raise KumaFile(f"{path} holds no secret", why="it is empty, or more than a line")
    return text


def _read(path: Path) -> dict[str, str]:
    try:
        found = tomllib.loads(_text(path))
    except tomllib.TOMLDecodeError:
        raise KumaFile(f"{path} is not TOML") from None
    if not all(isinstance(value, str) for value in found.values()):
        raise KumaFile(f"{path} holds other things than texts")
    return found


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            if mode & 0o077:
                raise KumaFile(
                    f"{path} may be read by others", why=f"its mode is {mode & 0o777:04o}", fix=f"chmod 600 {path}"
                )
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise KumaFile(f"{path} cannot be read", why=error.strerror or "") from error
    if len(content) > MAX_BYTES:
        raise KumaFile(f"{path} is too large", why=f"it has more than {MAX_BYTES} bytes")
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise KumaFile(f"{path} is not UTF-8") from None
