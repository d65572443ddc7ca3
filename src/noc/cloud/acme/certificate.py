"""A certificate with its key, as an authority gave it or as a node has it."""

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from hashlib import sha256
from typing import TYPE_CHECKING, Final, Self

from noc.cloud.errors import CertificateUnreadable

if TYPE_CHECKING:
    from cryptography import x509

MOST_BYTES: Final = 64 * 1024
RENEWED_AT: Final = 1 / 3
"""The share of a certificate's life at which ACME clients renew it."""


@dataclass(frozen=True)
class Certificate:
    """A certificate chain and the private key of its first certificate, PEM."""

    chain: str
    key: str

    @classmethod
    def read(cls, chain: str, key: str) -> Self:
        """Take a pair that belongs together. Raises CertificateUnreadable where it is none."""
        from cryptography.hazmat.primitives.serialization import load_pem_private_key  # noqa: PLC0415

        made = cls(chain, key)
        small = len(chain) + len(key) <= MOST_BYTES
        try:
            one = small and load_pem_private_key(key.encode(), None).public_key() == made._first.public_key()
        except (ValueError, TypeError) as error:
            # What the library says of a key may quote it.
            raise CertificateUnreadable("that is no certificate with its key", why=type(error).__name__) from None
        if not one:
            why = "the key is another's" if small else f"it is larger than {MOST_BYTES} bytes"
            raise CertificateUnreadable("that is no certificate with its key", why=why)
        return made

    @cached_property
    def _first(self) -> "x509.Certificate":
        from cryptography.x509 import load_pem_x509_certificates  # noqa: PLC0415

        return load_pem_x509_certificates(self.chain.encode())[0]

    @property
    def names(self) -> frozenset[str]:
        """The DNS names that it is for."""
        from cryptography.x509 import DNSName, ExtensionNotFound, SubjectAlternativeName  # noqa: PLC0415

        try:
            found = self._first.extensions.get_extension_for_class(SubjectAlternativeName).value
        except ExtensionNotFound:
            return frozenset()
        return frozenset(found.get_values_for_type(DNSName))

    @property
    def begins(self) -> datetime:
        """From when on it holds, UTC."""
        return self._first.not_valid_before_utc

    @property
    def ends(self) -> datetime:
        """Until when it holds, UTC."""
        return self._first.not_valid_after_utc

    @property
    def fingerprint(self) -> str:
        """Hex SHA-256 of the certificate, by which one is told from another."""
        from cryptography.hazmat.primitives.serialization import Encoding  # noqa: PLC0415

        return sha256(self._first.public_bytes(Encoding.DER)).hexdigest()

    def worth_keeping(self, now: datetime, share: float = RENEWED_AT) -> bool:
        """Whether it has more than a share of its life left: of that at which it would be renewed at once."""
        whole = (self.ends - self.begins).total_seconds()
        return self.begins <= now and (self.ends - now).total_seconds() > whole * share
