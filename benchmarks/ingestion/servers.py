"""The servers that are measured: the watch, the watch without its storage, and nginx with a static answer."""

import http.client
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

from ingestion.fleet import HUB, BenchFleet

READY_S = 30
RUN = "from noc.cli.main import run; run()"
WITHOUT_STORAGE = f"from noc.watch.store.database import Store; Store.write = lambda self, records: None; {RUN}"
NGINX = """
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/nginx.log;
daemon off;
events {{ worker_connections 1024; }}
http {{
  access_log off;
  keepalive_requests 100000000;
  client_body_temp_path {folder};
  default_type "application/json; charset=utf-8";
  server {{ listen {hub}:{port}; location / {{ return 200 '{{"ok":true}}'; }} }}
}}
"""


class Server:
    """A process that takes pushes, with the children that work for it."""

    def __init__(self, name: str, argv: list[str], port: int, folder: Path) -> None:
        """Start it, and wait until it listens."""
        self.name, self.port, self.folder = name, port, folder
        self._stream: socket.socket | None = None
        with (folder / "log").open("wb") as log:
            self.process = subprocess.Popen(argv, stdout=log, stderr=log)
        end = time.monotonic() + READY_S
        while not self._listens():
            if time.monotonic() > end or self.process.poll() is not None:
                raise SystemExit(f"{name} does not listen:\n{(folder / 'log').read_text()}")
            time.sleep(0.05)

    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex((HUB, self.port)) == 0

    def pids(self) -> list[int]:
        """The process and its children."""
        own = self.process.pid
        children = Path(f"/proc/{own}/task/{own}/children").read_text().split()
        return [own, *map(int, children)]

    def cpu_s(self) -> float:
        """CPU seconds used so far (proc(5), fields 14 and 15 of stat)."""
        fields = [Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() for pid in self.pids()]
        return sum(int(each[11]) + int(each[12]) for each in fields) / os.sysconf("SC_CLK_TCK")

    def rss_mb(self) -> float:
        """Resident memory of the largest of its processes, in MB (proc(5))."""
        pages = [int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in self.pids()]
        return max(pages) * os.sysconf("SC_PAGE_SIZE") / 1e6

    def open_dashboard(self) -> None:
        """Load the dashboard, and keep its stream of events open, as a browser does."""
        connection = http.client.HTTPConnection("localhost")
        for path in ("/", "/events"):
            connection.sock = socket.socket(socket.AF_UNIX)
            connection.sock.connect(str(self.folder / "watch.sock"))
            connection.request("GET", path, headers={"Accept": "text/html" if path == "/" else "text/event-stream"})
            answer = connection.getresponse()
            if answer.status != 200:
                raise SystemExit(f"the dashboard answers {answer.status} to {path}")
            if path == "/":
                answer.read()
        self._stream = connection.sock

    def stored(self) -> int:
        """How many pushes its database holds."""
        with sqlite3.connect(f"file:{self.folder / 'watch.db'}?mode=ro", uri=True) as connection:
            return int(connection.execute("SELECT count(*) FROM heartbeats").fetchone()[0])

    def stop(self) -> None:
        """End it."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)


def free_port() -> int:
    """A port of the hub's address that nobody listens on."""
    with socket.socket() as probe:
        probe.bind((HUB, 0))
        return int(probe.getsockname()[1])


def watch(folder: Path, fleet: BenchFleet, *, program: str = RUN, name: str = "noc watch") -> Server:
    """`noc watch serve`, with its database in a directory of its own."""
    own, port = folder / name.replace(" ", "-"), free_port()
    own.mkdir()
    argv = [sys.executable, "-c", program, "watch", "serve", "-C", str(fleet.directory), "--db", str(own / "watch.db")]
    return Server(name, [*argv, "--push-listen", f"{HUB}:{port}", "--local", f"unix:{own / 'watch.sock'}"], port, own)


def in_postgres(folder: Path, fleet: BenchFleet, database: str) -> Server:
    """The same server with its database in PostgreSQL."""
    directory = shutil.copytree(fleet.directory, folder / "fleet-in-postgres")
    with (directory / "fleet.toml").open("a") as file:
        file.write(f'\n[store]\ndatabase = "{database}"\n')
    own, port = folder / "in-postgres", free_port()
    own.mkdir()
    argv = [sys.executable, "-c", RUN, "watch", "serve", "-C", str(directory), "--db", str(own / "watch.db")]
    argv += ["--push-listen", f"{HUB}:{port}", "--local", f"unix:{own / 'watch.sock'}"]
    return Server("in PostgreSQL", argv, port, own)


def without_storage(folder: Path, fleet: BenchFleet) -> Server:
    """The same server, whose writer throws away what it is given."""
    return watch(folder, fleet, program=WITHOUT_STORAGE, name="without storage")


def nginx(folder: Path, _fleet: BenchFleet) -> Server:
    """nginx with one worker, which answers every request with the same bytes."""
    own, port = folder / "nginx", free_port()
    own.mkdir()
    (own / "nginx.conf").write_text(NGINX.format(folder=own, hub=HUB, port=port))
    return Server("nginx", ["nginx", "-c", str(own / "nginx.conf")], port, own)
