"""A payload as a running process, started as systemd starts it: held socket, clean environment, private database."""

import http.client
import json
import os
import signal
import socket
import subprocess
import time
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# A shell that becomes the payload: only so does LISTEN_PID name the payload itself. It gets the socket as its input,
# because shells take no descriptor above 9, and hands it on as descriptor 3.
_HAND_OVER = 'export LISTEN_PID=$$ LISTEN_FDS=1; exec "$@" 3<&0 </dev/null'
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Payload:
    """The file to examine, and the Python that runs it where it is a zipapp."""

    file: Path
    python: str

    @property
    def argv(self) -> list[str]:
        """How it is started, without its command."""
        return [self.python, str(self.file)] if zipfile.is_zipfile(self.file) else [str(self.file)]

    def run(self, *command: str, environment: Mapping[str, str], timeout_s: float = 30) -> tuple[int, str]:
        """Run one of its commands to its end: exit code and what it wrote on stderr."""
        argv = [*self.argv, *command]
        done = subprocess.run(
            argv, env=dict(environment), capture_output=True, text=True, check=False, timeout=timeout_s
        )
        return done.returncode, done.stderr


class Serving:
    """A payload that serves, on a socket that outlives it.

    Args:
        payload: what to start.
        held: the listening socket.
        environment: its whole environment.
        log: file that gets its output.
    """

    def __init__(self, payload: Payload, held: socket.socket, environment: Mapping[str, str], log: Path) -> None:
        self.port: int = held.getsockname()[1]
        argv = ["sh", "-c", _HAND_OVER, "sh", *payload.argv, "serve"]
        with log.open("ab") as output:
            self.process = subprocess.Popen(
                argv,
                env=dict(environment),
                stdin=held.fileno(),
                stdout=output,
                stderr=output,
            )

    def health(self, timeout_s: float = 3) -> tuple[int, Any]:
        """Ask `/health`: status and document, (0, None) where nothing answers."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout_s)
        try:
            connection.request("GET", "/health")
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read(64 * 1024))
        except (OSError, ValueError, http.client.HTTPException):
            return 0, None
        finally:
            connection.close()

    def wait_healthy(self, timeout_s: float = 15) -> Any:  # noqa: ANN401 - the document as it came
        """Wait for a healthy answer and return it; None where none came in time, or the process ended."""
        end = time.monotonic() + timeout_s
        while time.monotonic() < end and self.process.poll() is None:
            status, document = self.health(timeout_s=1)
            if status == 200:
                return document
            time.sleep(0.02)
        return None

    def stop(self) -> None:
        """Ask it to end."""
        self.process.send_signal(signal.SIGTERM)

    def wait(self, timeout_s: float) -> int | None:
        """Its exit code; None where it has not ended in time."""
        try:
            return self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return None

    def kill(self) -> None:
        """End it for certain."""
        self.process.kill()
        self.process.wait()

    def cpu_seconds(self) -> float:
        """Processor time so far, user and system (proc(5))."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS

    def rss_mib(self) -> float:
        """Resident memory, MiB (proc(5))."""
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
        return 0.0
