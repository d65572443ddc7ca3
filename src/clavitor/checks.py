"""The two slow checks behind the telemetry, in a thread of their own: database integrity and the certificate."""

import logging
import os
import socket
import sqlite3
import ssl
import threading
import time
from contextlib import closing
from pathlib import Path

from clavitor.database import connect
from clavitor.errors import ServiceError

log = logging.getLogger(__name__)

INTEGRITY_EVERY = 6 * 3600.0
CERTIFICATE_EVERY = 3600.0
CERTIFICATE_RETRY = 30.0  # seconds, until a certificate is seen
TLS_PORT = 443
TLS_DEADLINE = 5.0
DAY = 86400
CERTIFICATE_EXPIRED = 10  # X509_V_ERR_CERT_HAS_EXPIRED


class Checks:
    """Keeps the latest result of each check; reading one never waits.

    Args:
        database: whose integrity is checked, through a connection that nobody else uses.
        domain: the name that the certificate must be valid for.
        tls_port: where the machine's own TLS listens.
    """

    def __init__(self, database: Path, domain: str, tls_port: int = TLS_PORT) -> None:
        self._database, self._domain, self._tls_port = database, domain, tls_port
        self._integrity: str | None = None
        self._days: int | None = None
        self._stop = threading.Event()
        self._first_round = threading.Event()

    def start(self) -> None:
        """Begin checking in a thread that never keeps the process alive."""
        threading.Thread(target=self._run, name="checks", daemon=True).start()

    def stop(self) -> None:
        """Check no more."""
        self._stop.set()

    def wait_first_round(self, timeout: float) -> None:
        """Wait until each check has run once, for at most `timeout` seconds."""
        self._first_round.wait(timeout)

    def integrity(self) -> str | None:
        """`ok`, the first problem found, or None before the first check has ended."""
        return self._integrity

    def certificate_days(self) -> int | None:
        """Whole days until the certificate expires, 0 once it has; None while no valid one is seen."""
        return self._days

    def _run(self) -> None:
        integrity_due = certificate_due = time.monotonic()
        while not self._stop.wait(max(0.0, min(integrity_due, certificate_due) - time.monotonic())):
            if time.monotonic() >= integrity_due:
                self._integrity = check_integrity(self._database)
                integrity_due = time.monotonic() + INTEGRITY_EVERY
            if time.monotonic() >= certificate_due:
                self._days = certificate_days(self._domain, self._tls_port)
                certificate_due = time.monotonic() + (CERTIFICATE_RETRY if self._days is None else CERTIFICATE_EVERY)
            self._first_round.set()


def check_integrity(database: Path) -> str:
    """SQLite's quick check: `ok` or the first problem."""
    try:
        with closing(connect(database)) as connection:
            verdict = str(connection.execute("PRAGMA quick_check(1)").fetchone()[0])
    except (sqlite3.Error, OSError, ServiceError) as error:
        verdict = str(error)
    if verdict != "ok":
        log.error("the database fails its quick check: %s", verdict)
    return verdict[:200]


def certificate_days(domain: str, port: int = TLS_PORT) -> int | None:
    """Ask this machine's own TLS, as the world would: `domain` as server name, verified with the system's roots
    and with those in `SSL_CERT_FILE`.

    Returns:
        whole days left, 0 for an expired certificate, None where none is served or it is not valid for `domain`.
    """
    try:
        domain.encode("idna")  # as wrap_socket does, which would leave the connection open where it cannot
        with (
            socket.create_connection(("127.0.0.1", port), timeout=TLS_DEADLINE) as raw,
            _trust().wrap_socket(raw, server_hostname=domain) as tls,
        ):
            expires = ssl.cert_time_to_seconds(str((tls.getpeercert() or {})["notAfter"]))
    except ssl.SSLCertVerificationError as error:
        log.warning("the certificate for %s is not valid: %s", domain, error.verify_message)
        return 0 if error.verify_code == CERTIFICATE_EXPIRED else None
    except (OSError, ValueError):  # ValueError: a domain that no certificate can name
        return None
    return max(0, int((expires - time.time()) // DAY))


def _trust() -> ssl.SSLContext:
    context = ssl.create_default_context()
    extra = os.environ.get("SSL_CERT_FILE")
    if extra:
        # OpenSSL takes SSL_CERT_FILE in place of the system's bundle; here it adds to it.
        for roots in (extra, "/etc/ssl/certs/ca-certificates.crt"):
            if Path(roots).is_file():
                context.load_verify_locations(cafile=roots)
    return context
