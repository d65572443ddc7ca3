"""The slow checks, on a real database and a real TLS server."""

import socket
import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Protocol

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from clavitor.checks import Checks, certificate_days, check_integrity
from clavitor.database import prepare

DOMAIN = "virginia.example.com"


def certificate(directory: Path, days: float) -> Path:
    """A self-signed certificate for the domain, its own root, with its key in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, DOMAIN)])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=100))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName(DOMAIN), x509.IPAddress(ip_address("127.0.0.1"))]), False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = directory / "tls.pem"
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(secret + signed.public_bytes(serialization.Encoding.PEM))
    return path


class Serve(Protocol):
    def __call__(self, days: float, *, trusted: bool = True) -> int: ...


@pytest.fixture
def serve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Serve]:
    """Serves a certificate with so many days left, trusted through SSL_CERT_FILE, and returns the port."""
    listeners = []

    def start(days: float, *, trusted: bool = True) -> int:
        path = certificate(tmp_path, days)
        if trusted:
            monkeypatch.setenv("SSL_CERT_FILE", str(path))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        listener = socket.create_server(("127.0.0.1", 0))
        listeners.append(listener)
        threading.Thread(target=_shake_hands, args=(listener, context), daemon=True).start()
        return int(listener.getsockname()[1])

    yield start
    for listener in listeners:
        listener.close()


def _shake_hands(listener: socket.socket, context: ssl.SSLContext) -> None:
    try:
        raw, _ = listener.accept()
        with raw, context.wrap_socket(raw, server_side=True) as tls:
            tls.recv(1)
    except OSError:
        pass  # the client did not like the certificate, or the test is over


def test_the_days_that_a_valid_certificate_has_left(serve: Serve) -> None:
    assert certificate_days(DOMAIN, serve(20.5)) == 20


def test_an_expired_certificate_has_none_left(serve: Serve) -> None:
    assert certificate_days(DOMAIN, serve(-1)) == 0


def test_a_certificate_for_another_name_is_no_certificate(serve: Serve) -> None:
    assert certificate_days("paris.example.com", serve(20)) is None


def test_an_untrusted_certificate_is_no_certificate(serve: Serve) -> None:
    assert certificate_days(DOMAIN, serve(20, trusted=False)) is None


def test_nobody_listening_is_no_certificate() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    assert certificate_days(DOMAIN, port) is None


def test_a_sound_database_is_ok(tmp_path: Path) -> None:
    prepare(tmp_path / "vault.db")
    assert check_integrity(tmp_path / "vault.db") == "ok"


def test_a_damaged_database_names_its_first_problem(tmp_path: Path) -> None:
    path = tmp_path / "vault.db"
    prepare(path)
    content = bytearray(path.read_bytes())
    content[4096:8192] = b"\xff" * 4096
    path.write_bytes(content)
    assert check_integrity(path) != "ok"


def test_what_is_no_database_any_more_is_a_problem_and_not_an_end_of_checking(tmp_path: Path) -> None:
    (tmp_path / "vault.db").write_text("this is not a database, it is a note " * 100)
    assert "not a database" in check_integrity(tmp_path / "vault.db")


def test_a_domain_that_no_certificate_can_name_has_none(serve: Serve) -> None:
    assert certificate_days(f"{'x' * 70}.example.com", serve(20.5)) is None


def test_before_the_first_check_nothing_is_claimed(tmp_path: Path) -> None:
    checks = Checks(tmp_path / "vault.db", DOMAIN)
    assert (checks.integrity(), checks.certificate_days()) == (None, None)


def test_the_first_round_brings_both_results(tmp_path: Path, serve: Serve) -> None:
    prepare(tmp_path / "vault.db")
    checks = Checks(tmp_path / "vault.db", DOMAIN, serve(20.5))
    checks.start()
    checks.wait_first_round(10)
    checks.stop()
    assert (checks.integrity(), checks.certificate_days()) == ("ok", 20)
