"""Child processes that never outlive the demo, however it ends."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from noc.demo.errors import ProcessDied

STOP_WITHIN_S = 12
LOG_LINES = 5
_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_prctl = ctypes.CDLL(None).prctl


def _die_with_the_demo() -> None:
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


class Child:
    """One Python program as a process with an environment and a log of its own; it may be started again."""

    def __init__(self, name: str, args: tuple[str, ...], environment: dict[str, str], log: Path) -> None:
        """Describe the process; nothing is started yet.

        Args:
            name: what messages call it.
            args: what stands behind `python3 -m`.
            environment: its variables, beside the few that Python needs; secrets travel here, never in `args`.
            log: file that takes both of its streams.
        """
        self.name, self._args, self._environment, self._log = name, args, environment, log
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """Its process id; None where it is not started."""
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Start it, in a session of its own: a Ctrl-C at the terminal is the demo's to handle."""
        inherited = {name: os.environ[name] for name in ("PATH", "PYTHONPATH", "TZDIR") if name in os.environ}
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", *self._args],
                env=inherited | self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=_die_with_the_demo,  # noqa: PLW1509 - one system call that takes no lock
            )

    def kill(self) -> None:
        """End it at once, as a crash would, and wait until it is gone; from then on it counts as never started."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(STOP_WITHIN_S)
            self._process = None

    def check(self) -> None:
        """Raise ProcessDied where it was started and has ended."""
        if self._process is not None and (status := self._process.poll()) is not None:
            last = self._log.read_text(errors="replace").splitlines()[-LOG_LINES:]
            raise ProcessDied(f"{self.name} ended with status {status}", why="\n  ".join(["", *last]))

    def terminate(self) -> None:
        """Ask it to end, where it still runs."""
        if self._process is not None:
            self._process.terminate()

    def wait(self, timeout_s: float) -> None:
        """Wait until it has ended, and no longer than so many seconds."""
        if self._process is not None:
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(timeout_s)


def end(children: Sequence[Child]) -> None:
    """End all of them: politely, and after 12 s by force. When this returns none is left."""
    deadline = time.monotonic() + STOP_WITHIN_S
    for child in children:
        child.terminate()
    for child in children:
        child.wait(max(0.0, deadline - time.monotonic()))
        child.kill()
