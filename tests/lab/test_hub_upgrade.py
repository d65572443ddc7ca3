"""HQ goes to another noc under pushes of its nodes: none is refused, none lost, and what does not work is given up."""

import json
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from dist_kit import another, migrating
from fleet_kit import Fleet

VERSION_FILE = "/opt/noc/current/.noc-distribution.json"
HEALTH = "noc/watch/api/rest.py"
ILL = ('return {"status": "ok", "db": "ok"}', 'return {"status": "failing", "db": "failing"}')
PROCESS = "noc/watch/server/process.py"
READY = '    address = os.environ.get("NOTIFY_SOCKET")'
STUCK = "    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])\n    __import__('time').sleep(600)"
DEAF = (READY, f"{STUCK}\n{READY}")
"""A watch that never says that it is ready, and does not end when it is told to."""
BACK_WITHIN_S = 30
COUNT = """
import json, sqlite3
rows = sqlite3.connect("file:/var/lib/noc-watch/watch.db?mode=ro", uri=True).execute(
    "SELECT msg FROM heartbeats WHERE msg LIKE 'probe-%'").fetchall()
print(json.dumps([row[0] for row in rows]))
"""
# On a node: one push after the other to its own address at HQ, each again until it is acknowledged, as nodes do.
PUSHER = """
import http.client, json, re, select, sys, time
url = re.search(r"^KUMA_PUSH_URL=(.*)$", open("/etc/clavitor/environment").read(), re.M)[1].strip('"')
host, port, path = re.fullmatch(r"http://([^:/]+):([0-9]+)(/[^?]*).*", url).groups()
prefix, number, stored, refused = sys.argv[1], 0, [], []
print("ready", flush=True)
while not select.select([0], [], [], 0)[0]:
    name, begun = f"{prefix}-{number}", time.monotonic()
    while True:
        try:
            connection = http.client.HTTPConnection(host, int(port), timeout=20)
            connection.request("POST", f"{path}?status=up&msg=probe-{name}&ping=")
            status = connection.getresponse().status
            connection.close()
        except OSError as error:
            status = type(error).__name__
        if status == 200:
            break
        refused.append([name, status])
        time.sleep(0.3)
    stored.append([f"probe-{name}", time.monotonic() - begun])
    number += 1
    time.sleep(0.2)
print(json.dumps({"stored": stored, "refused": refused}))
"""


@dataclass
class Pushes:
    """What a node's pushes met: the names of those that were acknowledged, and each refusal."""

    stored: tuple[str, ...] = ()
    refused: tuple[tuple[str, Any], ...] = ()


@contextmanager
def pushing(fleet: Fleet, prefix: str) -> Iterator[Pushes]:
    """Pushes from virginia, five a second, all the while."""
    argv = fleet.lab.console("virginia", "python3", "-c", PUSHER, prefix)
    pushes = Pushes()
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        try:
            yield pushes
        finally:
            said, _ = process.communicate("stop\n", timeout=60)
    document = json.loads(said)
    pushes.stored = tuple(name for name, _ in document["stored"])
    pushes.refused = tuple((name, status) for name, status in document["refused"])


def kept(fleet: Fleet, pushes: Pushes) -> bool:
    """Whether the watch's database has every push that it acknowledged."""
    there = set(json.loads(fleet.hq.sh("python3", "-c", COUNT)))
    return bool(pushes.stored) and there.issuperset(pushes.stored)


def upgrade(fleet: Fleet, file: Path, status: int = 0) -> dict[str, Any]:
    fleet.hq.copy(file, f"/root/{file.name}")
    digest = sha256(file.read_bytes()).hexdigest()
    argv = ("hub", "upgrade", f"/root/{file.name}", "--sha256", digest)
    document: dict[str, Any] = fleet.hq.noc(*argv, statuses=(status,), timeout_s=400)
    return document


def version(fleet: Fleet) -> str:
    """The noc that HQ has, by the watch that answers."""
    url = "http://hq/api/v1/openapi.json"
    document = fleet.hq.sh("curl", "-sS", "--fail", "--unix-socket", "/run/noc-watch/watch.sock", url)
    installed = json.loads(fleet.hq.sh("cat", VERSION_FILE))["version"]
    assert json.loads(document)["info"]["version"] == installed
    return str(installed)


@pytest.fixture
def dist(half_fleet: Fleet) -> Path:
    """The file that HQ was installed from."""
    return half_fleet.stage.setting.dist


@pytest.fixture
def left(half_fleet: Fleet) -> Iterator[Path]:
    """The same; HQ has it again afterwards."""
    file = half_fleet.stage.setting.dist
    yield file
    half_fleet.hq.sh("python3", f"/root/{file.name}", "install", timeout_s=300)
    half_fleet.hq.noc("hub", "apply")


def test_a_migration_that_fails_changes_nothing(half_fleet: Fleet, dist: Path, tmp_path: Path) -> None:
    before = version(half_fleet)
    broken = another(dist, tmp_path, "0.9.1", migrating("ALTER TABLE nowhere ADD COLUMN more TEXT"))
    error = upgrade(half_fleet, broken, status=1)["error"]
    assert (error["code"], "nowhere" in error["why"]) == ("NOC-E852", True)
    assert version(half_fleet) == before
    assert half_fleet.hq.noc("hub", "status", statuses=(0, 1))["ok"]


def test_a_noc_that_does_not_work_is_given_up_and_every_acknowledged_push_kept(
    half_fleet: Fleet, dist: Path, tmp_path: Path
) -> None:
    before = version(half_fleet)
    changes = {**migrating("ALTER TABLE heartbeats ADD COLUMN more TEXT"), HEALTH: ILL}
    with pushing(half_fleet, "back") as pushes:
        error = upgrade(half_fleet, another(dist, tmp_path, "0.9.2", changes), status=1)["error"]
    assert (error["code"], "cannot store pushes" in error["why"]) == ("NOC-E853", True)
    assert version(half_fleet) == before
    assert kept(half_fleet, pushes)
    assert half_fleet.hq.noc("lease")["halt"] is None


def test_a_noc_that_hangs_at_its_start_is_not_waited_for(half_fleet: Fleet, dist: Path, tmp_path: Path) -> None:
    before = version(half_fleet)
    with pushing(half_fleet, "hang") as pushes:
        error = upgrade(half_fleet, another(dist, tmp_path, "0.9.3", {PROCESS: DEAF}), status=1)["error"]
    back = re.search(r" is back (\d+) s later", error["what"])
    assert back, error
    assert int(back[1]) <= BACK_WITHIN_S
    assert version(half_fleet) == before
    assert kept(half_fleet, pushes)


def test_no_push_is_refused_or_lost_on_the_way_to_another_noc(half_fleet: Fleet, left: Path, tmp_path: Path) -> None:
    with pushing(half_fleet, "forth") as pushes:
        done = upgrade(half_fleet, another(left, tmp_path, "0.9.3", {}))
    assert (done["new"], version(half_fleet)) == ("0.9.3", "0.9.3")
    assert pushes.refused == ()
    assert kept(half_fleet, pushes)
    assert half_fleet.hq.noc("hub", "apply")["changed"] is False
