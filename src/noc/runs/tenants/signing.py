"""The directory with HQ's signature: what nodes take, and how HQ knows one again that it signed itself."""

from dataclasses import dataclass

from noc.placement.directory import Directory
from noc.placement.head import NAMESPACE, PRINCIPAL
from noc.release.sshkeygen import is_signed_with, sign_text
from noc.runs.paths import Paths
from noc.runs.site.credential import credential
from noc.runs.site.environment import DIRECTORY_KEY


@dataclass(frozen=True)
class SignedDirectory:
    """A directory, and HQ's signature of its head (armoured)."""

    directory: Directory
    signature: bytes


def sign(directory: Directory, paths: Paths) -> SignedDirectory:
    """Sign a directory with HQ's key for that.

    Raises:
        CredentialExposed: HQ has no such key, or others may read it.
        SigningFailed, TimedOut: ssh-keygen did not sign.
    """
    credential(paths.credentials, DIRECTORY_KEY)
    signature = sign_text(directory.head.to_bytes(), paths.credentials / DIRECTORY_KEY, NAMESPACE)
    return SignedDirectory(directory, signature)


def is_ours(head: bytes, signature: str, paths: Paths) -> bool:
    """Whether HQ has signed a head. Raises TimedOut where ssh-keygen does not say."""
    return is_signed_with(head, signature, PRINCIPAL, paths.directory_public_key.read_text(), NAMESPACE)
