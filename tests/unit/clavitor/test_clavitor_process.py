"""The service as a node runs it: one process, its health, its heartbeat, its commands, its one file."""

import json
import shutil
import subprocess
import sys
import threading
import zipapp
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib.util import find_spec
from pathlib import Path

import pytest

from clavitor_service import SOURCE, Service, until


def test_health_is_as_the_contract_says(service: Service) -> None:
    service.start()
    health = service.wait_healthy()
    assert list(health) == ["status", "version", "build", "started_at", "boot_id", "db"]
    assert (health["status"], health["version"], health["build"], health["db"]) == ("ok", "0.0.0-dev", 0, "ok")
    assert health["started_at"].endswith("Z")


def test_every_process_has_a_boot_id_of_its_own(service: Service) -> None:
    service.start()
    first = service.wait_healthy()["boot_id"]
    service.terminate()
    service.start()
    assert service.wait_healthy()["boot_id"] != first


def test_health_is_503_when_the_database_takes_no_write(service: Service) -> None:
    import sqlite3
    from contextlib import closing

    service.start()
    service.wait_healthy()
    with closing(sqlite3.connect(service.database, isolation_level=None)) as blocker:
        blocker.execute("BEGIN IMMEDIATE")
        until(lambda: service.health()[0] == 503, "a sick answer")
        assert service.health()[1]["status"] == "fail"
    until(lambda: service.health()[0] == 200, "health again")


Pushed = tuple[str, list[tuple[str, dict[str, object]]]]


@pytest.fixture
def pushed() -> Iterator[Pushed]:
    """A push URL and what arrived at it."""
    arrived: list[tuple[str, dict[str, object]]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            arrived.append((self.path, json.loads(self.rfile.read(int(self.headers["content-length"])))))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b'{"ok":true}')

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/api/push/s3cr3t", arrived
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_process_pushes_its_boot_id_and_telemetry_at_once(tmp_path: Path, pushed: Pushed) -> None:
    url, arrived = pushed
    service = Service(tmp_path, KUMA_PUSH_URL=url)
    service.start()
    try:
        until(lambda: arrived, "the first push")
        path, telemetry = arrived[0]
        assert f"boot={service.wait_healthy()['boot_id']}" in path
        assert (len(telemetry), telemetry["db_integrity"], telemetry["nix_gen"]) == (11, "ok", None)
        assert "s3cr3t" not in service.log.read_text()
    finally:
        service.close()


def test_without_a_push_url_the_log_says_so_once(service: Service) -> None:
    service.start()
    service.wait_healthy()
    assert service.log.read_text().count("KUMA_PUSH_URL is not set") == 1


def test_a_start_that_cannot_work_says_why_in_one_line(service: Service) -> None:
    service.environment["CLAVITOR_DB"] = "/nowhere/vault.db"
    done = service.command("serve")
    assert (done.returncode, done.stderr.count("\n"), "/nowhere" in done.stderr) == (1, 1, True)


def test_an_invitation_before_the_first_start_is_refused(service: Service) -> None:
    assert service.command("invite").returncode == 1
    assert not service.database.exists()


def test_an_invitation_in_json_has_code_link_and_expiry(service: Service) -> None:
    service.start()
    service.wait_healthy()
    invitation = json.loads(service.command("invite", "--days", "2", "--json").stdout)
    assert invitation["link"] == f"https://virginia.example.com/#invitation={invitation['code']}"
    assert invitation["expires"].endswith("Z")


def test_the_page_and_its_files_are_served(service: Service) -> None:
    service.start()
    service.wait_healthy()
    for path, kind in {"/": "text/html", "/app.js": "text/javascript", "/style.css": "text/css"}.items():
        status, headers, _ = service.request("GET", path)
        assert (status, headers["content-type"].partition(";")[0]) == (200, kind)


def test_a_browser_that_has_a_file_is_told_so(service: Service) -> None:
    service.start()
    service.wait_healthy()
    etag = service.request("GET", "/app.js")[1]["etag"]
    status, _, content = service.request("GET", "/app.js", headers={"if-none-match": etag})
    assert (status, content) == (304, b"")


def test_one_file_is_enough(service: Service, tmp_path: Path) -> None:
    """Packed with its only dependency, the service runs from a zipapp and knows its release."""
    tree = tmp_path / "tree"
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(SOURCE / "clavitor", tree / "clavitor", ignore=ignore)
    h11 = find_spec("h11")
    assert h11 is not None
    assert h11.origin is not None
    shutil.copytree(Path(h11.origin).parent, tree / "h11", ignore=ignore)
    (tree / "clavitor" / "_release.json").write_text('{"version": "1.4.2", "build": 17}')
    packed = tmp_path / "clavitor.pyz"
    zipapp.create_archive(tree, packed, main="clavitor.__main__:main", compressed=True)
    service.environment["CLAVITOR_LISTEN"] = "127.0.0.1:0"
    service.hold()
    service.program = [sys.executable, "-I", str(packed)]
    service.start()
    health = service.wait_healthy()
    assert (health["version"], health["build"], service.request("GET", "/")[0]) == ("1.4.2", 17, 200)


def test_nothing_but_h11_and_the_standard_library_is_imported() -> None:
    script = "import sys, clavitor.service; print(*{name.partition('.')[0] for name in sys.modules})"
    done = subprocess.run(
        [sys.executable, "-c", script], env={"PYTHONPATH": str(SOURCE)}, capture_output=True, text=True, check=True
    )
    bare = subprocess.run(
        [sys.executable, "-c", "import sys; print(*sys.modules)"], env={}, capture_output=True, text=True, check=True
    )
    foreign = set(done.stdout.split()) - set(bare.stdout.replace(".", " ").split()) - sys.stdlib_module_names
    assert foreign == {"clavitor", "h11"}
