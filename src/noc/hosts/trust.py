"""Keys and host certificates: how HQ and a machine come to know each other."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import asyncssh
from cryptography.hazmat.primitives.serialization import SSHCertificate, load_ssh_public_identity

VALIDITY = timedelta(weeks=52)
_CLOCK_SKEW = timedelta(hours=1)


@dataclass(frozen=True, repr=False)
class KeyPair:
    """An ed25519 key pair. It has no readable form, so that the private half cannot slip into a log.

    Attributes:
        private: the private half, OpenSSH's file format, not encrypted.
        public: the public half, one OpenSSH line without a newline.
    """

    private: bytes
    public: str


def generate_key(comment: str) -> KeyPair:
    """Make a key pair: for HQ's log-ins, or for its host CA.

    Args:
        comment: what the public line ends with, for people.
    """
    key = asyncssh.generate_private_key("ssh-ed25519", comment=comment)
    return KeyPair(key.export_private_key(), key.export_public_key().decode().strip())


def fingerprint(public: str) -> str:
    """The fingerprint of a public key or certificate line, `SHA256:…`, as ssh-keygen and consoles print it."""
    return asyncssh.import_public_key(public).get_fingerprint()


def is_fingerprint(text: str) -> bool:
    """Whether a text has the form `SHA256:` and 43 characters of base64."""
    return re.fullmatch(r"SHA256:[A-Za-z0-9+/]{43}", text) is not None


def renewal_due(certificate: str, now: datetime) -> bool:
    """Whether less than a third of a host certificate's life remains, or it cannot be read.

    Args:
        certificate: one OpenSSH line, as the machine has it.
        now: the time, UTC.
    """
    try:
        read = load_ssh_public_identity(certificate.strip().encode())
    except ValueError:
        return True
    if not isinstance(read, SSHCertificate):
        return True
    return (read.valid_before - now.timestamp()) * 3 < read.valid_before - read.valid_after


def sign_host(ca_private: bytes, host_public: str, node_name: str, *, now: datetime | None = None) -> str:
    """Certify a node's own host key.

    Args:
        ca_private: private half of HQ's host CA.
        host_public: the node's public host key, one OpenSSH line.
        node_name: the only principal: whoever asks for another name is refused.
        now: the moment from which the 52 weeks count; the clock's where None.

    Returns:
        The certificate, one OpenSSH line. It is valid from an hour before `now`, for machines whose clock is behind.
    """
    start = now or datetime.now(UTC)
    certificate = asyncssh.import_private_key(ca_private).generate_host_certificate(
        asyncssh.import_public_key(host_public),
        node_name,
        serial=int(start.timestamp()),
        principals=[node_name],
        valid_after=start - _CLOCK_SKEW,
        valid_before=start + VALIDITY,
        comment=node_name,
    )
    return certificate.export_certificate().decode().strip()
