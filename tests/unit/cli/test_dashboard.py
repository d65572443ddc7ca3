"""`noc dashboard` against a real watch, and through a real sshd on loopback."""

import getpass
import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from loopback_sshd import LoopbackSshd
from watch_kit import Server, write_fleet

PROGRAM = (sys.executable, "-c", "from noc.cli.main import run; run()", "dashboard")
ME = getpass.getuser()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    directory = tmp_path_factory.mktemp("watch")
    fleet = write_fleet(directory / "fleet")
    with (fleet / "fleet.toml").open("a") as file:
        file.write(f'\n[[people]]\nname = "{ME}"\nrole = "approver"\n')
    with Server(directory, fleet) as server:
        yield server


@pytest.fixture
def sshd(tmp_path: Path) -> Iterator[LoopbackSshd]:
    sshd = LoopbackSshd(tmp_path)
    yield sshd
    sshd.close()


def dashboard(server: Server, *arguments: str, **environment: str) -> tuple[int, str, str]:
    named = os.environ | {"NOC_WATCH_SOCKET": str(server.socket)} | environment
    done = subprocess.run([*PROGRAM, *arguments], capture_output=True, text=True, env=named, timeout=60, check=False)
    return done.returncode, done.stdout, done.stderr


def document(server: Server, *arguments: str) -> Any:
    status, out, err = dashboard(server, *arguments, "--json")
    assert status == 0, err
    return json.loads(out)


def with_ssh(tmp_path: Path, sshd: LoopbackSshd, *, known: str) -> dict[str, str]:
    """A PATH whose `ssh` is OpenSSH's own with a configuration of the test's: its key, its file of known hosts."""
    (tmp_path / "known").write_text(f"[127.0.0.1]:{sshd.port} {known}\n")
    (tmp_path / "config").write_text(
        f"Host hq\n HostName 127.0.0.1\n Port {sshd.port}\n User {ME}\n IdentityFile {sshd.client_key}\n"
        f" IdentitiesOnly yes\n UserKnownHostsFile {tmp_path}/known\n StrictHostKeyChecking yes\n BatchMode yes\n"
    )
    ssh = tmp_path / "bin" / "ssh"
    ssh.parent.mkdir()
    ssh.write_text(f'#!/bin/sh\nexec /usr/bin/ssh -F {tmp_path}/config "$@"\n')
    ssh.chmod(0o755)
    return {"PATH": f"{ssh.parent}:{os.environ['PATH']}"}


def test_the_pages_come_through_ssh_as_the_person_that_logged_in(
    server: Server, sshd: LoopbackSshd, tmp_path: Path
) -> None:
    named = os.environ | with_ssh(tmp_path, sshd, known=sshd.host.public)
    arguments = ["--host", "hq", "--socket", str(server.socket), "--no-browser"]
    process = subprocess.Popen([*PROGRAM, *arguments], stdout=subprocess.PIPE, env=named, text=True)
    assert process.stdout is not None
    try:
        url = process.stdout.readline().strip()
        with urllib.request.urlopen(url, timeout=20) as page:
            assert f"{ME} <span>approver</span>" in page.read().decode()
    finally:
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
        process.stdout.close()


def test_a_host_with_another_key_than_the_known_one_brings_nothing(
    server: Server, sshd: LoopbackSshd, tmp_path: Path
) -> None:
    named = with_ssh(tmp_path, sshd, known=sshd.client.public)
    status, out, err = dashboard(server, "--host", "hq", "--socket", str(server.socket), "--no-browser", **named)
    assert (status, out) == (1, "")
    assert "NOC-E649" in err
    assert sshd.authentication_attempts() == 0


@pytest.mark.parametrize("host", ["-oProxyCommand=true", "-F/etc/passwd"])
def test_a_host_that_is_an_option_of_ssh_is_refused(server: Server, host: str) -> None:
    status, _, err = dashboard(server, f"--host={host}", "--no-browser")
    assert status == 1
    assert "is no host" in err


def test_a_link_names_its_person_and_its_end(server: Server) -> None:
    made = document(server, "--link")
    assert made["person"] == ME
    assert made["url"].startswith("https://noc.clavitor.test/login#")


def test_a_link_in_a_pipe_is_one_line(server: Server) -> None:
    status, out, _ = dashboard(server, "--link")
    assert (status, len(out.splitlines())) == (0, 1)


def test_who_is_signed_out_loses_links_as_well(server: Server) -> None:
    document(server, "--link")
    assert document(server, "--sign-out", ME)["ended"] >= 1
    assert dashboard(server, "--sign-out", ME)[0] == 4
    assert document(server, "--sessions") == {"sessions": []}


@pytest.mark.parametrize("arguments", [(), ("--link", "--sessions"), ("--sessions", "--sign-out", "james")])
def test_a_call_that_says_nothing_or_two_things_is_told_how(server: Server, arguments: tuple[str, ...]) -> None:
    status, _, err = dashboard(server, *arguments)
    assert status == 2
    assert "noc dashboard --host USER@HQ" in err
