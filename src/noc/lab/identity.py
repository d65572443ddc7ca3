"""What a machine is given before its first boot, as a cloud gives it: a name, a host key, who may log in."""

import base64
import hashlib
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from noc.lab.machines import INTERNET, Machine

AUTHORIZED_KEYS = Path("root/.ssh/authorized_keys")
HOST_KEY = Path("etc/ssh/ssh_host_ed25519_key")


def fingerprint(public_key_line: str) -> str:
    """The fingerprint of an OpenSSH public key line, as `ssh-keygen -l` shows it: `SHA256:…`."""
    blob = base64.b64decode(public_key_line.split()[1])
    return "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")


def identity_files(machine: Machine, authorized_keys: Sequence[str]) -> dict[Path, tuple[bytes, int]]:
    """The files that make a machine this one: path below its root → content and mode. New keys at each call."""
    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    hosts = f"127.0.0.1 localhost\n127.0.1.1 {machine.name}\n::1 localhost ip6-localhost\n"
    return {
        Path("etc/hostname"): (f"{machine.name}\n".encode(), 0o644),
        Path("etc/hosts"): (hosts.encode(), 0o644),
        Path("etc/resolv.conf"): (f"nameserver {INTERNET}\noptions timeout:1 attempts:2\n".encode(), 0o644),
        Path("etc/machine-id"): (f"{uuid.uuid4().hex}\n".encode(), 0o444),
        HOST_KEY: (private, 0o600),
        HOST_KEY.with_suffix(".pub"): (public + f" root@{machine.name}\n".encode(), 0o644),
        AUTHORIZED_KEYS: ("".join(f"{line.strip()}\n" for line in authorized_keys).encode(), 0o600),
    }


def handed_files(user_data: str, authorized_key: str) -> dict[Path, tuple[bytes, int]]:
    """What a machine makes of what a cloud hands it: its host key, as NixOS's image reads user data, and who may enter.

    Args:
        user_data: lines `SSH_HOST_ED25519_KEY:…`, with `|` for line breaks, and `SSH_HOST_ED25519_KEY_PUB:…`.
        authorized_key: the key pair's public half, one OpenSSH line.
    """
    said = dict(line.split(":", 1) for line in user_data.splitlines() if ":" in line)
    files = {AUTHORIZED_KEYS: (f"{authorized_key.strip()}\n".encode(), 0o600)}
    if {"SSH_HOST_ED25519_KEY", "SSH_HOST_ED25519_KEY_PUB"} <= said.keys():
        private = said["SSH_HOST_ED25519_KEY"].replace("|", "\n").rstrip("\n") + "\n"
        files[HOST_KEY] = (private.encode(), 0o600)
        files[HOST_KEY.with_suffix(".pub")] = (f"{said['SSH_HOST_ED25519_KEY_PUB']}\n".encode(), 0o644)
    return files


def write_files(root: Path, files: Mapping[Path, tuple[bytes, int]]) -> None:
    """Write files below a root directory, directories included; root's `.ssh` is closed to others."""
    for path, (content, mode) in files.items():
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.unlink(missing_ok=True)
        target.write_bytes(content)
        target.chmod(mode)
    if AUTHORIZED_KEYS in files:
        (root / AUTHORIZED_KEYS).parent.chmod(0o700)


def authorize(root: Path, public_key_line: str) -> None:
    """Let a key log in as root, as a cloud's console would; a key that may already is not added twice."""
    file = root / AUTHORIZED_KEYS
    lines = file.read_text().splitlines() if file.exists() else []
    if public_key_line.strip() not in lines:
        write_files(root, {AUTHORIZED_KEYS: ("\n".join([*lines, public_key_line.strip(), ""]).encode(), 0o600)})
