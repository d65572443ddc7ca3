"""HQ's keys: made on HQ, kept as credentials; their public halves are for everybody to read."""

import secrets
from dataclasses import dataclass
from pathlib import Path

from noc.backup.keys import KEY_BYTES
from noc.fleet.inventory import HubRecord
from noc.hub.places import (
    BACKUP_KEY,
    CREDENTIALS,
    DIRECTORY_KEY,
    ESCROW_KEY,
    HOST_CA,
    SECOND_KEY,
    SSH_KEY,
    TENANT_KEY,
    TRUST,
)
from noc.hub.system import Owner, ensure_file, ensure_owned
from noc.hub.tunnel import ensure_hub_key

PUBLIC_FILES = {
    SSH_KEY: "hub_ssh_key.pub",
    HOST_CA: "host_ca.pub",
    SECOND_KEY: "second_key.pub",
    DIRECTORY_KEY: "directory_key.pub",
}
TENANT_KEY_BYTES = 32


@dataclass(frozen=True)
class HubKeys:
    """The public halves, and what had to be made."""

    record: HubRecord
    changed: list[str]


def ensure_keys(name: str, credentials: Path = CREDENTIALS, trust: Path = TRUST) -> HubKeys:
    """Make SSH key, host CA, tunnel key and the keys of escrow and backups where HQ has none; write the public halves.

    Owner and mode of every credential are put right first.

    Args:
        name: HQ's name, for the keys' comments.
        credentials: directory of the private halves, mode 0700.
        trust: directory of the public halves.
    """
    changed = ensure_modes(credentials)
    tunnel, made = ensure_hub_key(credentials)
    changed += made
    changed += _ensure_escrow_key(credentials / ESCROW_KEY) + _ensure_backup_key(credentials / BACKUP_KEY)
    lines = {}
    for credential, comment in ((SSH_KEY, f"noc@{name}"), (HOST_CA, f"host CA of {name}")):
        lines[credential], made = _ensure_ssh_key(credentials / credential, comment)
        changed += made + ensure_file(trust / PUBLIC_FILES[credential], lines[credential] + "\n")
    return HubKeys(HubRecord(wireguard_key=tunnel, ssh_key=lines[SSH_KEY], host_ca=lines[HOST_CA]), changed)


def ensure_second_key(name: str, credentials: Path = CREDENTIALS, trust: Path = TRUST) -> tuple[str, list[str]]:
    """The key by which HQ enters the second place, and nothing else; made where there is none.

    Args:
        name, credentials, trust: as `ensure_keys`.

    Returns:
        Its public line, and what was changed.
    """
    line, made = _ensure_ssh_key(credentials / SECOND_KEY, f"backups of {name}")
    return line, made + ensure_file(trust / PUBLIC_FILES[SECOND_KEY], line + "\n")


def ensure_placement_keys(name: str, credentials: Path = CREDENTIALS, trust: Path = TRUST) -> list[str]:
    """The key by which handles become tenant ids, and the one that signs the directory of tenants; made once.

    Another tenant key would find nobody any more, so one that is there is never replaced.

    Args:
        name, credentials, trust: as `ensure_keys`.

    Returns:
        What was changed.
    """
    key, changed = credentials / TENANT_KEY, []
    if not key.exists():
        changed = ensure_file(key, f"{secrets.token_hex(TENANT_KEY_BYTES)}\n", Owner(mode=0o600))
    line, made = _ensure_ssh_key(credentials / DIRECTORY_KEY, f"directory of {name}")
    return changed + made + ensure_file(trust / PUBLIC_FILES[DIRECTORY_KEY], line + "\n")


def ensure_modes(credentials: Path = CREDENTIALS) -> list[str]:
    """Put owner and mode of every credential right, before anything reads one. Returns what was changed."""
    return [each for path in sorted(credentials.iterdir()) for each in ensure_owned(path, Owner(mode=0o600))]


def _ensure_escrow_key(path: Path) -> list[str]:
    """HQ's own age identity, made where there is none: it opens the copies of nodes' certificates."""
    from pyrage import x25519  # noqa: PLC0415 - compiled; few commands need it

    return [] if path.exists() else ensure_file(path, f"{x25519.Identity.generate()}\n", Owner(mode=0o600))


def _ensure_backup_key(path: Path) -> list[str]:
    """What names chunks of backups and protects what is written of them: 32 bytes; another one would know none."""
    made = f"{secrets.token_hex(KEY_BYTES)}\n"
    return [] if path.exists() else ensure_file(path, made, Owner(mode=0o600))


def _ensure_ssh_key(path: Path, comment: str) -> tuple[str, list[str]]:
    """The public line of an SSH key, made first where there is none."""
    import asyncssh  # noqa: PLC0415 - takes longer to load than most commands run

    from noc.hosts.trust import generate_key  # noqa: PLC0415

    changed = []
    if not path.exists():
        changed = ensure_file(path, generate_key(comment).private.decode(), Owner(mode=0o600))
    return asyncssh.read_private_key(path).export_public_key().decode().strip(), changed
