"""Who is let in to PostgreSQL, and what the watch checks before it sends a password over a network."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from https_kit import certificate
from noc.fleet.storing import Address
from noc.watch.errors import DatabaseAway
from noc.watch.store.database import Store
from noc.watch.store.postgres import connect
from postgres_kit import Cluster

ELSEWHERE = "127.84.9.1"  # loopback, and none of the names of it that need no encryption
OTHER_NAME = "127.84.9.2"  # the same server, by an address that its certificate does not name


@pytest.fixture(scope="module")
def pem(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The server's certificate, with its key beside it."""
    return certificate(tmp_path_factory.mktemp("certificates"), ELSEWHERE)[0]


@pytest.fixture(scope="module")
def remote(pem: Path) -> Iterator[Address]:
    """A PostgreSQL behind TLS, with a password: as it is on another machine."""
    cluster = Cluster()
    rules = "local all all trust\nhostssl all all 127.0.0.0/8 scram-sha-256\n"
    (cluster.data / "pg_hba.conf").write_text(rules)
    files = {"ssl_cert_file": str(cluster.give(pem)), "ssl_key_file": str(cluster.give(pem.with_suffix(".key")))}
    try:
        cluster.start(listen_addresses=f"{ELSEWHERE},{OTHER_NAME}", ssl="on", **files)
        cluster.run("CREATE ROLE watch LOGIN PASSWORD 'right'")
        yield Address(user="watch", host=ELSEWHERE, port=5432, name="postgres", root=str(pem))
    finally:
        cluster.remove()


@pytest.fixture
def password(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The credential as systemd hands it to the watch."""
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    file = tmp_path / "database_password"
    file.write_text("right\n")
    file.chmod(0o600)
    return file


@pytest.mark.usefixtures("password")
def test_over_a_network_the_way_is_encrypted_and_the_password_a_credential(remote: Address) -> None:
    with connect(remote) as connection:
        [(encrypted,)] = connection.execute("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()").fetchall()
    assert encrypted


def test_a_wrong_password_is_told_in_one_line_without_it(remote: Address, password: Path) -> None:
    password.write_text("hunter2\n")
    with pytest.raises(DatabaseAway, match="password authentication failed") as caught:
        Store(remote)
    assert "hunter2" not in str(caught.value)


@pytest.mark.usefixtures("password")
def test_a_server_with_the_certificate_of_another_authority_gets_no_password(remote: Address, tmp_path: Path) -> None:
    other, _ = certificate(tmp_path, ELSEWHERE)
    with pytest.raises(psycopg.OperationalError, match="certificate verify failed"):
        connect(remote.model_copy(update={"root": str(other)}))


@pytest.mark.usefixtures("password")
def test_without_a_file_of_roots_those_that_the_machine_trusts_are_asked(
    remote: Address, monkeypatch: pytest.MonkeyPatch
) -> None:
    unnamed = remote.model_copy(update={"root": ""})
    with pytest.raises(psycopg.OperationalError, match="certificate verify failed"):
        connect(unnamed)
    monkeypatch.setenv("SSL_CERT_FILE", remote.root)
    connect(unnamed).close()


@pytest.mark.usefixtures("password")
def test_a_certificate_of_another_name_is_refused(remote: Address) -> None:
    with pytest.raises(psycopg.OperationalError, match="does not match host name"):
        connect(remote.model_copy(update={"host": OTHER_NAME}))


def test_a_server_without_tls_is_refused_over_a_network() -> None:
    cluster = Cluster()
    try:
        cluster.start(listen_addresses="127.84.9.3")
        plain = Address(user=cluster.user, host="127.84.9.3", port=5432, name="postgres")
        with pytest.raises(psycopg.OperationalError, match="does not support SSL"):
            connect(plain)
    finally:
        cluster.remove()
