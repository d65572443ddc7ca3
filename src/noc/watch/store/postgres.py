"""Opening the watch's PostgreSQL database: how careful it is, and that a server which hangs is trouble, not silence."""

import ssl
from typing import Any, Final, TypeVar

import psycopg
from psycopg.abc import PQGen
from psycopg.pq import TransactionStatus
from psycopg.types.string import StrDumper
from sqlalchemy import URL, Engine, create_engine

from noc.fleet.storing import Address
from noc.watch.credentials import read_credential

PASSWORD: Final = "database_password"  # noqa: S105 - a credential's name
CONNECT_S: Final = 5
PATIENCE_S: Final = 10.0
"""So long one statement may take. A node waits as long for its answer, and pushes again."""
SILENCE_S: Final = PATIENCE_S + 2
"""So long we wait for a server that should have ended a statement by itself."""

ROOTS: Final = "/etc/ssl/certs/ca-certificates.crt"
"""Debian's, which the package ca-certificates keeps."""

Answer = TypeVar("Answer")


class Patient(psycopg.Connection[Any]):
    """A connection that is given up where the server says nothing: one that was stopped would hold its client forever.

    Attributes:
        silence_s: seconds until then; None for never.
    """

    silence_s: float | None = SILENCE_S

    def wait(self, gen: PQGen[Answer], interval: float = 0.1, timeout: float | None = None) -> Answer:
        """Wait for the server. Raises OperationalError, and closes, where it stays silent for too long."""
        try:
            return super().wait(gen, interval, timeout or self.silence_s)
        except psycopg.OperationalError:
            if self.pgconn.transaction_status == TransactionStatus.ACTIVE:
                self.pgconn.finish()
                raise psycopg.OperationalError(f"the server has been silent for {self.silence_s:g} s") from None
            raise

    def __del__(self, *_: object) -> None:
        """Close what a reader still had in hand when the store was closed: nobody is left to give it back to."""
        if hasattr(self, "pgconn"):
            self.pgconn.finish()


class _Words(StrDumper):
    """Text without the one character that PostgreSQL cannot hold: a push must not stop the watch with it."""

    def dump(self, obj: str) -> Any:  # noqa: ANN401 - the driver's buffer
        """The text's bytes."""
        return super().dump(obj.replace("\0", "\ufffd") if "\0" in obj else obj)


def connect(address: Address, *, patience_s: float | None = PATIENCE_S) -> Patient:
    """A connection whose commits are on the disk when they return.

    Args:
        address: the database; over a network its server's certificate is verified.
        patience_s: seconds that a statement may take; None for any time.

    Raises:
        psycopg.Error: there is none to be had.
    """
    settings = {
        "synchronous_commit": "on",
        "statement_timeout": f"{(patience_s or 0) * 1000:.0f}",
        "lock_timeout": f"{(patience_s or 0) * 500:.0f}",
        "idle_in_transaction_session_timeout": "60000" if patience_s else "0",
        "timezone": "UTC",
    }
    connection = Patient.connect(
        host=address.host,
        port=address.port,
        user=address.user,
        dbname=address.name,
        password=read_credential(PASSWORD) or None,
        connect_timeout=CONNECT_S,
        options=" ".join(f"-c {name}={value}" for name, value in settings.items()),
        application_name="noc watch",
        sslmode="verify-full" if address.remote else "prefer",
        sslrootcert=(address.root or _roots()) if address.remote else None,
        gssencmode="disable",
    )
    connection.silence_s = SILENCE_S if patience_s else None
    connection.adapters.register_dumper(str, _Words)
    return connection


def _roots() -> str:
    """The file of the certificates that this machine trusts: the driver's own OpenSSL does not know where that is."""
    return ssl.get_default_verify_paths().cafile or ROOTS


def open_postgres(address: Address, *, patience_s: float | None = PATIENCE_S) -> Engine:
    """An engine on a PostgreSQL database; nothing is asked of the server yet.

    Args:
        address: the database.
        patience_s: seconds that a statement may take; None for any time.
    """
    url = URL.create("postgresql+psycopg", address.user, host=address.host, port=address.port, database=address.name)
    return create_engine(
        url,
        creator=lambda: connect(address, patience_s=patience_s),
        pool_pre_ping=True,  # what was open when the server went away is not handed to the next reader
        hide_parameters=True,
    )
