"""HQ's own SSH keys as the runner has them: the one in use, the next beside it, and the one from before.

systemd hands each to the runner at its start; where HQ has none, `ABSENT` stands in its place, so that the unit need
not change. Which one is in use, the inventory says by its public half.
"""

from pathlib import Path
from typing import Final

from noc.runs.errors import CredentialExposed
from noc.runs.site.credential import credential

SSH_KEY: Final = "ssh_key"
HOST_CA: Final = "host_ca"
PLACES: Final = ("", ".next", ".before")
ABSENT: Final = b"none"


def held(directory: Path, kind: str) -> dict[Path, str]:
    """The private keys of a kind that are there, each with its public half (one OpenSSH line).

    Args:
        directory: of credentials.
        kind: `SSH_KEY` or `HOST_CA`.

    Raises:
        CredentialExposed: others may read one, or it is no key.
    """
    found = {}
    for path in (directory / f"{kind}{place}" for place in PLACES):
        if not path.exists():
            continue
        content = credential(directory, path.name)
        if content.strip() != ABSENT:
            found[path] = _public(path, content)
    return found


def _public(path: Path, content: bytes) -> str:
    import asyncssh  # noqa: PLC0415 - takes longer to load than most commands run

    try:
        return asyncssh.import_private_key(content).export_public_key().decode().strip()
    except asyncssh.KeyImportError as error:
        raise CredentialExposed(f"{path.name} is no private key", why=str(error), fix="noc hub install") from None


def key_of(directory: Path, kind: str, public: str) -> Path:
    """The file of the private half of a public key. Raises CredentialExposed where HQ has none."""
    for path, line in held(directory, kind).items():
        if same_key(line, public):
            return path
    raise CredentialExposed(f"HQ has no private half of its {kind}", why=public[:200], fix="noc hub install")


def same_key(one: str | None, other: str | None) -> bool:
    """Whether two public lines are of one key, whatever comment stands behind them."""
    return one is not None and other is not None and one.split()[:2] == other.split()[:2]
