"""A real PostgreSQL for tests: a throwaway cluster on a Unix socket, and databases that cost a copy each.

Nothing is synced to the disk (`fsync=off`), since these clusters are thrown away; the watch runs on one that syncs.
"""

import grp
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest

from noc.fleet.storing import Address
from watch_kit import until

SETTINGS = {
    "fsync": "off",
    "full_page_writes": "off",
    "listen_addresses": "",
    "shared_buffers": "16MB",
    "max_wal_size": "256MB",
    "autovacuum": "off",
    "log_min_messages": "fatal",
}
_numbers = count(1)


def program(name: str) -> str:
    """One of PostgreSQL's programs, of the newest release that is installed."""
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    if not found:
        (pytest.fail if os.geteuid() == 0 else pytest.skip)("needs postgresql: sh tools/packages.sh test")
    return str(found[-1])


class Cluster:
    """One server with its databases. `user` is its superuser, `socket` the directory of its Unix socket."""

    user = "noc"

    def __init__(self) -> None:
        """Make the cluster; `start` starts it."""
        self.socket = Path(tempfile.mkdtemp(prefix="noc-pg-", dir="/tmp"))
        self.data = self.socket / "data"
        self.process: subprocess.Popen[bytes] | None = None
        self._as: dict[str, Any] = {}
        if os.geteuid() == 0:
            login = pwd.getpwnam("postgres")
            os.chown(self.socket, login.pw_uid, login.pw_gid)
            self._as = {"user": login.pw_uid, "group": login.pw_gid, "extra_groups": [grp.getgrnam("postgres").gr_gid]}
        initdb = [
            program("initdb"),
            "--no-sync",
            "-A",
            "trust",
            "-U",
            self.user,
            "-E",
            "UTF8",
            "--locale=C",
            str(self.data),
        ]
        subprocess.run(initdb, check=True, stdout=subprocess.DEVNULL, cwd="/", **self._as)

    def start(self, **more: str) -> None:
        """Start it, with `more` settings, and wait until it answers."""
        settings = SETTINGS | {"unix_socket_directories": str(self.socket)} | more
        command = [program("postgres"), "-D", str(self.data)]
        command += [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        ends_with_us = ["setpriv", "--pdeathsig", "INT", *command]
        with (self.socket / "log").open("ab") as log:
            self.process = subprocess.Popen(ends_with_us, stdout=log, stderr=log, cwd="/", **self._as)
        until(self.answers, what=f"PostgreSQL answers; see {self.socket / 'log'}")

    @property
    def runs(self) -> bool:
        """Whether it was started and has not ended."""
        return self.process is not None and self.process.poll() is None

    def answers(self) -> bool:
        """Whether it takes connections."""
        try:
            self.run("SELECT 1")
        except psycopg.OperationalError:
            return False
        return True

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """End it; with SIGQUIT at once, as a crash does."""
        assert self.process is not None
        self.process.send_signal(how)
        self.process.wait(30)

    def remove(self) -> None:
        """Stop it and throw everything away."""
        if self.runs:
            self.stop(signal.SIGQUIT)
        shutil.rmtree(self.socket)

    def give(self, file: Path) -> Path:
        """Copy a file to where the server can read it, and nobody else."""
        copy = self.socket / file.name
        copy.write_bytes(file.read_bytes())
        copy.chmod(0o600)
        os.chown(copy, self.socket.stat().st_uid, -1)
        return copy

    def run(self, statement: str, *, database: str = "postgres") -> list[tuple[Any, ...]]:
        """Run one statement outside of a transaction; its rows."""
        with closing(self.connect(database)) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def connect(self, database: str) -> psycopg.Connection[Any]:
        """A connection that commits each statement."""
        return psycopg.connect(
            host=str(self.socket), user=self.user, dbname=database, autocommit=True, connect_timeout=5
        )

    def database(self, template: str = "template1", *, more: str = "") -> Address:
        """A new database, the copy of another; `more` is added to the statement."""
        name = f"watch_{next(_numbers)}"
        self.run(f"CREATE DATABASE {name} TEMPLATE {template} {more}")
        return Address(user=self.user, host=str(self.socket), port=5432, name=name)

    def drop(self, address: Address) -> None:
        """Throw a database away, whoever has it open."""
        self.run(f"DROP DATABASE {address.name} WITH (FORCE)")

    def hang(self) -> None:
        """Stop every process of it where it stands: connections stay open, and nobody answers."""
        for pid in self._pids():
            os.kill(pid, signal.SIGSTOP)

    def go_on(self) -> None:
        """Let the processes run again."""
        for pid in self._pids():
            os.kill(pid, signal.SIGCONT)

    def _pids(self) -> list[int]:
        assert self.process is not None
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return [self.process.pid, *map(int, children.split())]


@contextmanager
def running() -> Iterator[Cluster]:
    """A cluster that runs."""
    cluster = Cluster()
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.remove()
