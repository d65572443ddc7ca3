"""OpenSSH's own server on loopback, with keys of its own and its log in a file."""

import getpass
import shutil
import socket
import subprocess
import time
from pathlib import Path

from noc.hosts.shell import Shell
from noc.hosts.ssh import Pinned, Target, Trust, connect
from noc.hosts.trust import KeyPair, fingerprint, generate_key, sign_host


class LoopbackSshd:
    """One server. `certificate_for` certifies its key by a CA for a name; the plain key is shown otherwise as well."""

    def __init__(self, directory: Path, *, ca: KeyPair | None = None, certificate_for: str = "", keys: int = 1) -> None:
        self.directory, self.log = directory, directory / "log"
        self.client, self.host = generate_key("client"), generate_key("host")
        self.client_key = self._write("client", self.client.private)
        self._write("authorized_keys", self.client.public.encode() + b"\n")
        lines = [f"HostKey {self._write('host', self.host.private)}"]
        if ca:
            certificate = sign_host(ca.private, self.host.public, certificate_for)
            lines.append(f"HostCertificate {self._write('host-cert.pub', certificate.encode())}")
        if keys > 1:
            subprocess.run(["ssh-keygen", "-q", "-t", "ecdsa", "-N", "", "-f", directory / "ecdsa"], check=True)
            lines.append(f"HostKey {directory / 'ecdsa'}")
        self.port = _free_port()
        self.process = self._start(lines)

    def _write(self, name: str, content: bytes) -> Path:
        path = self.directory / name
        path.touch(mode=0o600)
        path.write_bytes(content)
        return path

    def _start(self, lines: list[str]) -> "subprocess.Popen[bytes]":
        config = self._write(
            "sshd_config",
            "\n".join(
                [
                    f"Port {self.port}",
                    "ListenAddress 127.0.0.1",
                    f"AuthorizedKeysFile {self.directory}/authorized_keys",
                    f"PidFile {self.directory}/pid",
                    "StrictModes no",
                    "UsePAM no",
                    "LogLevel DEBUG1",
                    *lines,
                ]
            ).encode(),
        )
        Path("/run/sshd").mkdir(exist_ok=True)
        sshd = shutil.which("sshd", path="/usr/sbin:/sbin:/usr/local/sbin") or "sshd"
        with self.log.open("wb") as log:
            process = subprocess.Popen([sshd, "-D", "-e", "-f", str(config)], stderr=log)
        deadline = time.monotonic() + 10
        while "Server listening" not in self.log.read_text():
            assert time.monotonic() < deadline
            assert process.poll() is None, self.log.read_text()
            time.sleep(0.01)
        return process

    @property
    def fingerprint(self) -> str:
        return fingerprint(self.host.public)

    def target(self, trust: Trust | None, *, key: Path | None = None) -> Target:
        return Target("frankfurt", "127.0.0.1", key or self.client_key, trust, self.port, getpass.getuser())

    def authentication_attempts(self) -> int:
        return self.log.read_text().count("userauth-request")

    def drop_everybody(self) -> None:
        """Kill the processes that serve sessions, as a power cut would."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        subprocess.run(["kill", "-9", *children], check=True)

    def close(self) -> None:
        self.process.terminate()
        self.process.wait(10)


class LoopbackWays:
    """Every node is the same server; that is all of the ways that diagnosis takes."""

    def __init__(self, server: LoopbackSshd) -> None:
        self._server = server

    async def dial(self, *_: object, timeout_s: float, **__: object) -> Shell:
        return await connect(self._server.target(Pinned(self._server.fingerprint)), timeout_s=timeout_s)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])
