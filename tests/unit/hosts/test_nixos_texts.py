"""What NixOS is told over the shell, run by the real shell, and by the real sshd where it is here."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from noc.hosts import nixos
from noc.hosts.systemd import HOST_KEY

SSHD = shutil.which("sshd", path="/usr/sbin:/usr/bin")


@pytest.mark.parametrize("script", ["_TEST", "_CONFIRM", "_SHOW_CERTIFICATE"])
def test_a_script_is_one_that_the_shell_reads(script: str) -> None:
    done = subprocess.run(["sh", "-n"], input=getattr(nixos, script), text=True, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


class Image:
    """A machine from the publisher's image: sshd's one file leads into the store."""

    def __init__(self, base: Path) -> None:
        self.etc, store, self.bin = base / "etc/ssh", base / "store", base / "bin"
        for place in (self.etc, store, self.bin):
            place.mkdir(parents=True)
        for name in ("ssh_host_ed25519_key", Path(HOST_KEY).name):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.etc / name], check=True)
        self.config = self.etc / "sshd_config"
        (store / "sshd_config").write_text(
            f"Port 22\nHostKey {self.etc}/ssh_host_ed25519_key\nPasswordAuthentication no\n"
        )
        self.config.symlink_to(store / "sshd_config")
        self.program("sshd", f'case "$*" in *-f*) exec {SSHD} "$@";; *) exec {SSHD} "$@" -f {self.config};; esac')
        self.program("systemctl", f'echo "$*" >>{base}/systemctl')
        self.told = base / "systemctl"

    def program(self, name: str, text: str) -> None:
        (self.bin / name).write_text(f"#!/bin/sh\n{text}\n")
        (self.bin / name).chmod(0o755)

    def run(self, script: str) -> list[str]:
        env = {**os.environ, "PATH": f"{self.bin}:{os.environ['PATH']}"}
        text = script.replace("/etc/ssh/", f"{self.etc}/")
        done = subprocess.run(["sh", "-eu"], input=text, text=True, capture_output=True, check=False, env=env)
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()

    def shows(self) -> list[str]:
        said = subprocess.run([str(SSHD), "-T", "-f", self.config], capture_output=True, text=True, check=True).stdout
        return [line.rsplit("/", 1)[-1] for line in said.splitlines() if line.startswith(("hostkey ", "hostcert"))]


@pytest.fixture
def image(tmp_path: Path) -> Image:
    if SSHD is None or os.geteuid() != 0:
        pytest.skip("needs sshd, and root for its directory")
    Path("/run/sshd").mkdir(exist_ok=True)
    return Image(tmp_path)


def test_an_image_s_sshd_shows_the_certified_key_alone_and_keeps_the_rest(image: Image) -> None:
    assert image.run(nixos._SHOW_CERTIFICATE) == [str(image.config)]
    name = Path(HOST_KEY).name
    assert image.shows() == [name, f"{name}-cert.pub"]
    assert "PasswordAuthentication no" in image.config.read_text()
    assert image.told.read_text() == "reload-or-restart sshd.service\n"


def test_done_again_it_changes_nothing(image: Image) -> None:
    image.run(nixos._SHOW_CERTIFICATE)
    before = image.config.read_text()
    assert image.run(nixos._SHOW_CERTIFICATE) == []
    assert image.config.read_text() == before
