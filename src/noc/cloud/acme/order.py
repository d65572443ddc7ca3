"""An order: names in, a certificate out, each name proven by a record of its zone (RFC 8555, 7.4 and 8.4)."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from noc.cloud.acme.certificate import Certificate
from noc.cloud.acme.jws import b64, thumbprint
from noc.cloud.acme.wire import Wire, words
from noc.cloud.errors import CertificateRefused

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

WITHIN_S: Final = 120.0
POLL_S: Final = 0.5
CHALLENGE: Final = "_acme-challenge"

Publish = Callable[[str, str], AbstractAsyncContextManager[None]]
"""Lets a name have a text as long as it is entered, seen by everybody."""


@dataclass(frozen=True)
class Account:
    """Who asks.

    Attributes:
        directory: the address of the authority's directory.
        key: the account's private key, PEM, P-256.
        email: contact, "" for none.
        ca_root: PEM of the root that signs the authority's own certificate, None for the system's.
    """

    directory: str
    key: str
    email: str = ""
    ca_root: Path | None = None


def new_account_key() -> str:
    """A private key for an account, PEM."""
    return _pem(_new_key())


async def obtain(account: Account, names: Sequence[str], publish: Publish) -> Certificate:
    """Get a certificate.

    Args:
        account: who asks.
        names: DNS names that it is to be for.
        publish: puts the proofs into the zone.

    Raises:
        CertificateRefused: the authority says no, or does not come to an end.
        AuthorityUnreachable: it does not answer.
    """
    from cryptography.hazmat.primitives.serialization import load_pem_private_key  # noqa: PLC0415

    owner: Any = load_pem_private_key(account.key.encode(), None)
    async with Wire(account.directory, owner, account.ca_root) as wire, asyncio.timeout(2 * WITHIN_S):
        await wire.sign_in(account.email)
        wanted = {"identifiers": [{"type": "dns", "value": name} for name in names]}
        order, headers, _ = await wire.post(await wire.url("newOrder"), wanted)
        await _prove(wire, order["authorizations"], thumbprint(owner), publish)
        key = _new_key()
        await wire.post(order["finalize"], {"csr": b64(_request(key, names))})
        done = await _until(wire, headers["Location"], "valid")
        _, _, chain = await wire.post(done["certificate"])
    return Certificate.read(chain, _pem(key))


async def _prove(wire: Wire, authorizations: Sequence[str], thumb: str, publish: Publish) -> None:
    async with AsyncExitStack() as published:
        asked: list[tuple[str, str]] = []
        for url in authorizations:
            said, _, _ = await wire.post(url)
            if said["status"] == "valid":
                continue
            challenge = next((each for each in said["challenges"] if each["type"] == "dns-01"), None)
            if challenge is None:
                raise CertificateRefused("the authority offers no proof by DNS", why=said["identifier"]["value"])
            proof = b64(sha256(f"{challenge['token']}.{thumb}".encode()).digest())
            await published.enter_async_context(publish(f"{CHALLENGE}.{said['identifier']['value']}", proof))
            asked.append((url, challenge["url"]))
        for url, challenge_url in asked:
            await wire.post(challenge_url, {})
            await _until(wire, url, "valid")


async def _until(wire: Wire, url: str, wanted: str) -> Mapping[str, Any]:
    """Look until it is as wanted. Raises CertificateRefused where it cannot become so, or takes too long."""
    end = asyncio.get_running_loop().time() + WITHIN_S
    while True:
        said, headers, _ = await wire.post(url)
        if said.get("status") == wanted:
            return said
        if said.get("status") == "invalid":
            problems = [said, *said.get("challenges", ())]
            why = next((words(each["error"]) for each in problems if each.get("error")), "it does not say why")
            raise CertificateRefused("the authority does not accept the proof", why=why)
        if asyncio.get_running_loop().time() >= end:
            raise CertificateRefused("the authority came to no end", why=f"not within {WITHIN_S:g} s")
        await asyncio.sleep(_pause(headers.get("Retry-After", "")))


def _pause(said: str) -> float:
    """Seconds until the next look: the authority's word, within bounds."""
    return min(max(float(said), POLL_S), 10.0) if said.isdigit() else POLL_S


def _new_key() -> "EllipticCurvePrivateKey":
    from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key  # noqa: PLC0415

    return generate_private_key(SECP256R1())


def _pem(key: "EllipticCurvePrivateKey") -> str:
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat  # noqa: PLC0415

    return key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()).decode()


def _request(key: "EllipticCurvePrivateKey", names: Sequence[str]) -> bytes:
    """A certificate signing request (PKCS #10, DER)."""
    from cryptography import x509  # noqa: PLC0415
    from cryptography.hazmat.primitives.hashes import SHA256  # noqa: PLC0415
    from cryptography.hazmat.primitives.serialization import Encoding  # noqa: PLC0415

    alternative = x509.SubjectAlternativeName([x509.DNSName(name) for name in names])
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    return builder.add_extension(alternative, critical=False).sign(key, SHA256()).public_bytes(Encoding.DER)
