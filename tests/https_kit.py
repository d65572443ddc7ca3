"""Real TLS on loopback: certificates of a test's own making, and a server that answers as it is told."""

import asyncio
import json
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

HEALTH = {"status": "ok", "version": "1.1.0", "build": 2, "started_at": "now", "boot_id": "b", "db": "ok"}


def certificate(directory: Path, name: str, *, days: int = 90) -> tuple[Path, Path]:
    """A self-signed certificate for a name, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=100))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem, private = directory / f"{name}.pem", directory / f"{name}.key"
    pem.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return pem, private


class Face:
    """An HTTPS server that answers every request alike."""

    def __init__(self) -> None:
        self.status, self.body, self.silent = 200, json.dumps(HEALTH).encode(), False
        self.extra = ""

    async def open(self, pem: Path, key: Path) -> int:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pem, key)
        self._server = await asyncio.start_server(self._answer, "127.0.0.1", 0, ssl=context)
        return int(self._server.sockets[0].getsockname()[1])

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        if not self.silent:
            writer.write(
                f"HTTP/1.1 {self.status} X\r\n{self.extra}Content-Length: {len(self.body)}\r\n\r\n".encode() + self.body
            )
            await writer.drain()
        else:
            await reader.read()
        writer.close()

    def close(self) -> None:
        self._server.close()
