"""A node leaves and a person leaves: what they could do ends, and the name is free for a new one.

HQ keeps no names here: what becomes of a node's own is a part of test_dns.
"""

import json
import tomllib
from collections.abc import Iterator
from typing import Any

import pytest
import tomli_w

from fleet_kit import FLEET_FILE, Fleet, wait_for

LEAVER = "singapore"
PUSHED = """
import sys, urllib.request as r, urllib.error as e
try: print(r.urlopen(sys.stdin.read(), timeout=5).status)
except e.HTTPError as refused: print(refused.code)
"""
AT_ITS_CONSOLE = """
rm -f /etc/ssh/sshd_config.d/00-noc.conf /etc/nftables.d/noc.nft
systemctl disable --now nftables; nft delete table inet noc; systemctl restart ssh
"""
AS_MIA = ("runuser", "-u", "mia", "--")
WATCH = ("curl", "-sS", "--unix-socket", "/run/noc-watch/watch.sock")


@pytest.fixture(scope="module")
def left(fleet: Fleet) -> Iterator[dict[str, Any]]:
    """What the removal of a live node said, and what was true of it before; afterwards it is provisioned anew."""
    environment = fleet.on(LEAVER, "cat /etc/clavitor/environment")
    url = next(line for line in environment.splitlines() if line.startswith("KUMA_PUSH_URL="))
    before = {"url": url.partition("=")[2].strip('"'), "key": fleet.on(LEAVER, "wg show wg0 public-key")}
    document = fleet.hq.noc("remove", LEAVER, "--now", "--yes", LEAVER, timeout_s=300)
    yield {**before, "document": document}
    if life(fleet) != "live":
        return_to(fleet)


def life(fleet: Fleet) -> str:
    rows = fleet.hq.noc("nodes")
    return next(str(row["life"]) for row in rows["nodes"] if row["name"] == LEAVER)


def says(fleet: Fleet, script: str) -> str | None:
    """What its machine says to a script at its console; None where that cannot be asked at this moment."""
    done = fleet.lab.exec(LEAVER, "sh", "-euc", script)
    return done.stdout.decode().strip() if done.returncode == 0 else None


def return_to(fleet: Fleet) -> None:
    """The machine, opened at its console by its owner, is provisioned as a new one."""
    fleet.lab.exec(LEAVER, "sh", "-c", AT_ITS_CONSOLE)
    fleet.lab.authorize(LEAVER, fleet.hq.sh("cat", "/etc/noc-trust/hub_ssh_key.pub").strip())
    fleet.provision(LEAVER)


def test_it_is_removed_and_its_last_backup_is_kept(fleet: Fleet, left: dict[str, Any]) -> None:
    assert [(row["verdict"], row["good"]) for row in left["document"]["nodes"]] == [("removed", True)]
    assert list((fleet.lab.disk("zurich") / f"var/lib/noc/backups/{LEAVER}").glob("2*.json"))


def test_its_machine_holds_no_data_and_no_key_and_starts_nothing(fleet: Fleet, left: dict[str, Any]) -> None:
    found = fleet.on(LEAVER, "ls -A /var/lib/clavitor /etc/wireguard /opt /etc/clavitor 2>/dev/null || true")
    assert "clavitor.db" not in found
    wait_for(lambda: says(fleet, "ls -A /etc/wireguard; ip -br link show wg0 2>/dev/null || true") == "")
    fleet.lab.kill(LEAVER)
    fleet.lab.boot(LEAVER)
    units = "clavitor.socket clavitor.service noc-watchdog caddy wg-quick@wg0"
    assert set(fleet.on(LEAVER, f"systemctl is-active {units} || true").split()) == {"inactive"}
    hub = fleet.hq.sh("cat", "/etc/noc-trust/hub_ssh_key.pub").split()[1]
    assert hub not in fleet.on(LEAVER, "cat /root/.ssh/authorized_keys")


def test_its_token_and_its_tunnel_are_refused(fleet: Fleet, left: dict[str, Any]) -> None:
    assert left["key"] not in fleet.handshakes()
    done = fleet.lab.exec("virginia", "python3", "-c", PUSHED, stdin=left["url"].encode())
    assert done.stdout.decode().strip() == "404"


def test_nobody_was_woken_for_it_and_its_history_stays(fleet: Fleet, left: dict[str, Any]) -> None:
    open_ones = json.loads(fleet.hq.sh(*WATCH, "http://hq/api/v1/incidents?open=1"))["incidents"]
    assert [row for row in open_ones if row["node"] == LEAVER] == []
    beats = json.loads(fleet.hq.sh(*WATCH, f"http://hq/api/v1/nodes/{LEAVER}/heartbeats?limit=3"))["heartbeats"]
    assert beats


def test_given_again_nothing_is_left_to_do(fleet: Fleet, left: dict[str, Any]) -> None:
    plan = fleet.hq.noc("remove", LEAVER, "--plan", statuses=(0, 3))
    assert [row["state"] for row in plan["rows"]] == ["unchanged"]


def test_its_name_begins_as_a_new_node(fleet: Fleet, left: dict[str, Any]) -> None:
    return_to(fleet)
    assert life(fleet) == "live"
    wait_for(lambda: fleet.runs_proven(LEAVER, fleet.first), 90)
    assert fleet.on(LEAVER, "wg show wg0 public-key") != left["key"]


PEOPLE = """
# who decides
[[people]]
name = "anna"
role = "approver"

# the night shift
[[people]]
name = "mia"
role = "approver"

[approval]
low = "one"
"""


@pytest.fixture(scope="module")
def offboarded(fleet: Fleet) -> Iterator[dict[str, Any]]:
    """Mia had a login, groups, a token, a session and a plan that waits; and has left."""
    before = fleet.hq.sh("cat", FLEET_FILE)
    fleet.write_file(without_people(before) + PEOPLE)
    fleet.hq.sh("sh", "-euc", "useradd --create-home --groups noc,noc-operators mia")
    fleet.hq.sh(*WATCH, "-X", "POST", "http://hq/api/v1/reload")
    fleet.noc_as("mia", "tokens", "make", "grafana")
    fleet.noc_as("mia", "dashboard", "--link")
    asking = fleet.started(fleet.lab.console("zurich", *AS_MIA, "noc", "deploy", "virginia", fleet.first, "--json"))
    with asking:
        wait_for(lambda: len(fleet.hq.noc("pending")["requests"]) == 1)
        document = fleet.hq.noc("offboard", "mia")
        answer, _ = asking.communicate(timeout=60)
    yield {"document": document, "status": asking.returncode, "answer": json.loads(answer)}
    fleet.hq.sh("sh", "-c", "userdel --remove mia 2>/dev/null; rm -rf /home/mia")
    fleet.write_file(before)
    fleet.hq.sh(*WATCH, "-X", "POST", "http://hq/api/v1/reload")


def without_people(text: str) -> str:
    """A fleet file without its people and without who has to agree, both of which end it or stand together."""
    document = tomllib.loads(text)
    for name in ("people", "approval", "accepted"):
        document.pop(name, None)
    return tomli_w.dumps(document)


def test_all_that_somebody_held_by_hq_ends(fleet: Fleet, offboarded: dict[str, Any]) -> None:
    done = offboarded["document"]["done"]
    assert done["groups"] == ["no more in noc-operators", "no more in noc"]
    assert [line.startswith("denied: deploy") for line in done["approvals"]] == [True]
    assert done["fleet file"][0].startswith("out of [[people]], commit ")
    assert set(done["sessions and tokens"]) == {"sessions ended: 1", "token grafana revoked"}


def test_whoever_waited_for_an_approval_is_told(offboarded: dict[str, Any]) -> None:
    assert "mia has left" in json.dumps(offboarded["answer"])
    assert offboarded["status"] != 0


def test_the_fleet_file_keeps_its_comments_and_its_history(fleet: Fleet, offboarded: dict[str, Any]) -> None:
    text = fleet.hq.sh("cat", FLEET_FILE)
    assert ("# the night shift" in text, 'name = "mia"' in text, 'name = "anna"' in text) == (True, False, True)
    log = fleet.hq.sh("runuser", "-u", "noc-runner", "--", "git", "-C", "/etc/noc", "log", "-1", "--format=%s")
    assert log.strip() == "mia has left"


def test_the_runner_and_the_watch_refuse_them(fleet: Fleet, offboarded: dict[str, Any]) -> None:
    for words in (("run", "list"), ("nodes",)):
        done = fleet.lab.exec("zurich", *AS_MIA, "noc", *words)
        assert done.returncode != 0


def test_given_again_only_the_list_is_shown(fleet: Fleet, offboarded: dict[str, Any]) -> None:
    again = fleet.hq.noc("offboard", "mia")
    assert (again["changed"], again["left"]) == (False, offboarded["document"]["left"])


def test_the_last_approver_stays(fleet: Fleet, offboarded: dict[str, Any]) -> None:
    refused = fleet.hq.noc("offboard", "anna", statuses=(7,))
    assert refused["error"]["code"] == "NOC-E817"


def test_the_login_goes_where_that_is_asked(fleet: Fleet, offboarded: dict[str, Any]) -> None:
    assert "login deleted; its home stays" in fleet.hq.noc("offboard", "mia", "--delete-login")["done"]["login"]
    assert fleet.lab.exec("zurich", "id", "mia").returncode != 0
