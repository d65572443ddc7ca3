"""Where a node's proxy keeps its certificates, by a real Caddy that loads what was put there and asks nobody."""

import asyncio
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from here_shell import Here, proxy_storage
from noc.hosts.certificates import put_certificate, read_certificate, storage_key
from noc.lab.authority import Authority
from real_knot import free_port

DIRECTORY, NAME = "https://acme.lab:14000/dir", "clavitor.test"


@pytest.fixture
def storage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return proxy_storage(tmp_path, monkeypatch)


@pytest.fixture
def pair() -> tuple[str, str]:
    chain, key = Authority().issue(NAME, IPv4Address("127.0.0.1"))
    return chain.decode(), key.decode()


@contextmanager
def proxy(work: Path, storage: Path) -> Iterator[int]:
    """A real Caddy for the name, whose authority does not exist; the port of its HTTPS."""
    caddy, port = shutil.which("caddy"), free_port()
    if caddy is None:
        pytest.skip("needs caddy: install it")
    options = (
        f"admin off\nhttp_port {free_port()}\nhttps_port {port}\nstorage file_system {storage}\nacme_ca {DIRECTORY}"
    )
    (work / "Caddyfile").write_text(f"{{\n{options}\n}}\n{NAME} {{\nbind 127.0.0.1\nrespond ok\n}}\n")
    argv = [caddy, "run", "--config", str(work / "Caddyfile"), "--adapter", "caddyfile"]
    with (work / "caddy.log").open("w") as log, subprocess.Popen(argv, stdout=log, stderr=log) as process:
        try:
            yield port
        finally:
            process.terminate()


def shown(port: int) -> bytes:
    """The certificate that a server shows for the name, DER; waits until it answers."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    end = time.monotonic() + 20
    while True:
        try:
            plain = socket.create_connection(("127.0.0.1", port), 1)
            with plain, context.wrap_socket(plain, server_hostname=NAME) as secured:
                return secured.getpeercert(binary_form=True) or b""
        except OSError:
            assert time.monotonic() < end
            time.sleep(0.05)


def test_a_certificate_that_was_put_is_the_one_that_caddy_shows(
    tmp_path: Path, storage: Path, pair: tuple[str, str]
) -> None:
    asyncio.run(put_certificate(Here(), DIRECTORY, NAME, pair))  # type: ignore[arg-type]
    with proxy(tmp_path, storage) as port:
        assert shown(port) == ssl.PEM_cert_to_DER_cert(pair[0])


def test_what_was_put_is_read_again_and_closed_to_others(storage: Path, pair: tuple[str, str]) -> None:
    asyncio.run(put_certificate(Here(), DIRECTORY, NAME, pair))  # type: ignore[arg-type]
    assert asyncio.run(read_certificate(Here(), DIRECTORY, NAME)) == pair  # type: ignore[arg-type]
    assert {path.stat().st_mode & 0o777 for path in storage.rglob(f"{NAME}.*")} == {0o600}


async def test_a_node_without_a_certificate_has_none(storage: Path) -> None:
    assert await read_certificate(Here(), DIRECTORY, NAME) is None  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("directory", "key"),
    [
        ("https://acme-v02.api.letsencrypt.org/directory", "acme-v02.api.letsencrypt.org-directory"),
        ("https://acme.lab:14000/dir", "acme.lab-14000-dir"),
    ],
)
def test_an_authority_is_called_as_caddy_calls_it(directory: str, key: str) -> None:
    assert storage_key(directory) == key
