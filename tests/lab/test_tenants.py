"""Tenants on a fleet: placed at HQ, known to every node whatever becomes of HQ; and which directories a node takes."""

import hashlib
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fleet_kit import FLEET_FILE, NODES, Fleet, wait_for
from noc.release.sshkeygen import sign_text

HANDLES = tuple(f"tenant-{number:02}" for number in range(50))
# The machines of a lab say how much memory the machine has that they share.
PLACEMENT = """
[placement]
max_ram_mb = 1000000
max_sessions = 10000

[placement.groups]
eu = ["DE", "GB"]
"""
# On HQ: as many requests at the runner's door as there are handles, eight at a time.
PLACE = """
import json, socket, sys
from concurrent.futures import ThreadPoolExecutor
def place(handle):
    with socket.socket(socket.AF_UNIX) as door, door.makefile("rw") as stream:
        door.connect("/run/noc-runner/runner.sock")
        stream.write(json.dumps({"op": "tenant-place", "handle": handle, "days": 0}) + "\\n")
        stream.flush()
        return handle, json.loads(stream.readline())
with ThreadPoolExecutor(8) as pool:
    print(json.dumps(dict(pool.map(place, sys.argv[1:]))))
"""
# On a node: the service's own answer, for each handle as from another stranger.
WHERE = """
import json, sys, urllib.request
def where(number, handle):
    headers = {"Content-Type": "application/json", "X-Forwarded-For": f"198.51.100.{number}"}
    body = json.dumps({"name": handle}).encode()
    request = urllib.request.Request("http://127.0.0.1:8080/api/v1/front/where", body, headers)
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.load(answer)["url"]
print(json.dumps({handle: where(number, handle) for number, handle in enumerate(sys.argv[1:])}))
"""
HOME = "var/lib/clavitor-directory"


def nodes_of(fleet: Fleet) -> dict[str, dict[str, Any]]:
    """How HQ sees each node with its directory."""
    return {row["node"]: row for row in fleet.hq.noc("tenant", "list")["nodes"]}


def all_have_the_newest(fleet: Fleet) -> bool:
    listed = fleet.hq.noc("tenant", "list")
    return all(row["version"] == listed["directory"]["version"] for row in listed["nodes"])


def where(fleet: Fleet, node: str, *handles: str) -> dict[str, str]:
    """Where a node's service says that handles live."""
    done = fleet.lab.exec(node, "python3", "-c", WHERE, *handles)
    assert done.returncode == 0, done.stderr.decode()
    found: dict[str, str] = json.loads(done.stdout)
    return found


def offered(fleet: Fleet, node: str, head: bytes, signature: bytes, body: bytes) -> dict[str, Any]:
    """What a node says to a directory that HQ's place on it holds."""
    place, name = fleet.lab.disk(node) / "var/lib/noc-node/directory", hashlib.sha256(head).hexdigest()
    for file, content in ((f"{name}.json", head), (f"{name}.sig", signature)):
        (place / file).write_bytes(content)
    (place / f"{json.loads(head)['sha256']}.body").write_bytes(body)
    said: dict[str, Any] = json.loads(
        fleet.on(node, f"python3 -I -S /usr/local/lib/noc-node/activator.py directory {name} || true")
    )
    return said


def held(fleet: Fleet, node: str) -> tuple[bytes, bytes, bytes]:
    """Head, signature and body of what a node has."""
    home: Path = fleet.lab.disk(node) / HOME
    head = (home / "head.json").read_bytes()
    return head, (home / "head.sig").read_bytes(), (home / f"tenants-{json.loads(head)['version']}").read_bytes()


@pytest.fixture(scope="module")
def placing(fleet: Fleet) -> Iterator[Fleet]:
    """The fleet with `[placement]`, brought to HQ and nodes; without it again afterwards, and without what it left."""
    text = fleet.hq.sh("cat", FLEET_FILE)
    fleet.write_file(f"{text}\n{PLACEMENT}")
    fleet.hq.noc("hub", "apply")
    fleet.hq.noc("deploy", *NODES, "--config")
    yield fleet
    fleet.write_file(text)
    fleet.hq.noc("deploy", *NODES, "--config")
    keys = ("/etc/noc-credentials/tenant_key", "/etc/noc-credentials/directory_key", "/etc/noc-trust/directory_key.pub")
    fleet.hq.sh("rm", *keys)
    fleet.hq.noc("hub", "apply")
    fleet.hq.sh("sh", "-c", "rm /var/lib/noc/tenants.db*")
    for node in NODES:
        fleet.on(node, "rm -r /var/lib/clavitor-directory /var/lib/noc-node/directory* /etc/clavitor/tenant_key")


@pytest.fixture(scope="module")
def placed(placing: Fleet) -> dict[str, str]:
    """Fifty tenants, placed eight at a time: the address of each one's node, by handle."""
    said = json.loads(placing.hq.sh("python3", "-c", PLACE, *HANDLES))
    assert [answer for answer in said.values() if "error" in answer or answer["trouble"]] == []
    wait_for(lambda: all_have_the_newest(placing), every_s=1)
    return {handle: answer["tenant"]["url"] for handle, answer in said.items()}


def test_every_node_says_the_same_of_every_tenant(placing: Fleet, placed: dict[str, str]) -> None:
    assert {node: where(placing, node, *HANDLES) for node in NODES} == dict.fromkeys(NODES, placed)


def test_tenants_spread_over_the_nodes_and_no_handle_is_written_down(placing: Fleet, placed: dict[str, str]) -> None:
    assert len(set(placed.values())) > 1
    assert sum(row["tenants"] for row in nodes_of(placing).values()) == len(HANDLES)
    state = placing.lab.disk("zurich") / "var/lib/noc"
    kept = b"".join(path.read_bytes() for path in (state / "audit/audit.jsonl", *state.glob("tenants.db*")))
    assert [handle for handle in HANDLES if handle.encode() in kept] == []


def test_who_is_placed_is_invited_by_their_own_node(placing: Fleet, placed: dict[str, str]) -> None:
    said = placing.hq.noc("tenant", "place", HANDLES[0], "--explain")
    assert said["tenant"]["url"] == placed[HANDLES[0]]
    assert said["invitation"]["link"].startswith("https://clavitor.com/#invitation=")
    count = "SELECT count(*) FROM invitations"
    script = f"import sqlite3; print(sqlite3.connect('/var/lib/clavitor/clavitor.db').execute('{count}').fetchone()[0])"
    assert int(placing.on(said["tenant"]["node"], f'python3 -c "{script}"')) >= 1


def test_of_two_placements_of_one_tenant_at_once_one_decides(placing: Fleet, placed: dict[str, str]) -> None:
    commands = [
        placing.under_way("tenant", "place", "the-same", "--days", "0", "--node", node)
        for node in ("virginia", "singapore")
    ]
    ended = [(command.communicate(timeout=120), command.returncode) for command in commands]
    codes = sorted(code for _, code in ended)
    assert codes == [0, 7], ended
    wait_for(lambda: all_have_the_newest(placing), every_s=1)
    (home,) = {where(placing, node, "the-same")["the-same"] for node in NODES}
    (winner,) = [json.loads(output)["tenant"]["url"] for (output, _), code in ended if code == 0]
    assert home == winner


def test_a_node_refuses_what_is_stale_flipped_or_of_a_lower_version(placing: Fleet, placed: dict[str, str]) -> None:
    before = held(placing, "london")
    placing.hq.noc("tenant", "place", "one-more", "--days", "0")
    wait_for(lambda: all_have_the_newest(placing), every_s=1)
    head, signature, body = held(placing, "london")
    key = placing.lab.disk("zurich") / "etc/noc-credentials/directory_key"
    past = int(time.time()) - 3600
    stale = json.dumps({**json.loads(head), "version": 10**6, "at": past - 60, "until": past}, sort_keys=True).encode()
    codes = [
        offered(placing, "london", *before)["code"],
        offered(placing, "london", head.replace(b'"count":5', b'"count":6'), signature, body)["code"],
        offered(placing, "london", stale, sign_text(stale, key, "noc-directory"), body)["code"],
    ]
    assert codes == ["old", "signature", "expired"]
    flipped = json.dumps({**json.loads(head), "version": 10**6}, sort_keys=True).encode()
    said = offered(placing, "london", flipped, sign_text(flipped, key, "noc-directory"), b"f" + body[1:])
    assert said["code"] == "content", said
    assert held(placing, "london") == (head, signature, body)
    assert where(placing, "london", HANDLES[7]) == {HANDLES[7]: placed[HANDLES[7]]}


def test_with_hq_dead_every_node_goes_on_answering(placing: Fleet, placed: dict[str, str]) -> None:
    placing.lab.kill("zurich")
    try:
        assert {node: where(placing, node, *HANDLES) for node in NODES} == dict.fromkeys(NODES, placed)
    finally:
        placing.lab.boot("zurich")
        placing.runner_returns()
    wait_for(lambda: all_have_the_newest(placing), every_s=1)
    assert len(placing.hq.noc("tenant", "list")["tenants"]) >= len(HANDLES)
