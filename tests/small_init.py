"""A service manager of eighty lines, for tests of the activator where systemd is not the init.

It does what the node's units do, for real: holds the listening socket while the process changes, starts the release
that `current` points to, starts it again when it dies, and answers `show` in systemctl's words.

    small_init.py serve ROOT PORT_FILE        the manager; one control connection at a time on ROOT/control
    small_init.py restart|stop|show|kill ROOT
"""

import contextlib
import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path


class Manager:
    def __init__(self, root: Path) -> None:
        self.root = root
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.process: subprocess.Popen[bytes] | None = None
        self.wanted, self.code, self.status, self.start_at = False, 0, 0, 0.0
        self.over = False
        self.log = (root / "log").open("ab")

    def restart(self) -> str:
        self.stop()
        self.wanted = True
        return self.start()

    def start(self) -> str:
        payload = self.root / "opt/clavitor/current/clavitor.pyz"
        if not payload.exists():
            return "ERROR no release"
        fd = self.listener.fileno()
        self.process = subprocess.Popen(
            [sys.executable, "-I", "-S", str(payload), "serve", str(fd)],
            pass_fds=[fd],
            stdout=self.log,
            stderr=self.log,
        )
        return ""

    def stop(self) -> str:
        self.wanted = False
        if self.process:
            self.process.terminate()
            self.process.wait(10)
            self.reap()
        return ""

    def reap(self) -> None:
        if self.process and (ended := self.process.poll()) is not None:
            self.code, self.status = (2, -ended) if ended < 0 else (1, ended)
            self.process, self.start_at = None, time.monotonic() + 0.3

    def show(self) -> str:
        pid = self.process.pid if self.process else 0
        state = "active\nSubState=running" if pid else "activating\nSubState=auto-restart"
        return f"MainPID={pid}\nActiveState={state}\nExecMainCode={self.code}\nExecMainStatus={self.status}"

    def kill(self) -> str:
        assert self.process is not None
        self.process.kill()
        return ""

    def serve(self) -> None:
        control = socket.socket(socket.AF_UNIX)
        control.bind(str(self.root / "control"))
        control.listen(16)
        selector = selectors.DefaultSelector()
        selector.register(control, selectors.EVENT_READ)
        while os.getppid() != 1 and not self.over:
            self.reap()
            if self.wanted and self.process is None and time.monotonic() >= self.start_at:
                self.start()
            for _ in selector.select(0.02):
                connection, _ = control.accept()
                with connection:
                    self.reap()
                    connection.sendall(getattr(self, connection.recv(64).decode())().encode())
        self.stop()

    def end(self, *_: object) -> None:
        """Let the loop end; to wait for a process here could be in the middle of another wait for it."""
        self.over = True


def main() -> None:
    verb, root = sys.argv[1], Path(sys.argv[2])
    if verb == "serve":
        manager = Manager(root)
        signal.signal(signal.SIGTERM, manager.end)
        Path(sys.argv[3]).write_text(json.dumps(manager.listener.getsockname()[1]))
        with contextlib.suppress(KeyboardInterrupt):
            manager.serve()
        return
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(root / "control"))
        client.sendall(verb.encode())
        said = client.makefile().read()
    if said.startswith("ERROR"):
        sys.exit(said)
    sys.stdout.write(said + "\n")


main()
