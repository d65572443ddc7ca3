"""The fleet's names on real hosts: a real Knot has the zone, a real Pebble certifies, and Caddy serves what it finds.

The tests tell one story in their order: a zone that was just bought, two nodes that get their names, the domain that is
led from one to the other while it is asked for, and a node that is made anew and gets its certificates back.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import steady_load
from fleet_kit import ROOT, TIMES, Fleet
from noc.lab.dns import TTL_S
from noc.lab.lab import Lab
from noc.lab.pilot import Setting, Stage
from noc.lab.places import Places

NODES = ("virginia", "frankfurt")
DOMAIN = "clavitor.com"
STORAGE = "/var/lib/caddy/.local/share/caddy/certificates/acme.lab-14000-dir"
# A record as a person makes or removes it by hand: without the fleet's mark.
BY_HAND = """
import dns.query, dns.tsig, dns.update, sys
name, algorithm, secret = sys.argv[1].split()
update = dns.update.UpdateMessage("clavitor.com", keyring={dns.name.from_text(name): dns.tsig.Key(name, secret)})
verb, at = sys.argv[2:]
update.add(at, 300, "A", "198.51.100.99") if verb == "add" else update.delete(at, "A")
assert dns.query.tcp(update, "198.51.100.2", 5).rcode() == 0
"""


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """HQ with a key to a zone that has no name of the fleet yet, and two machines."""
    work = tmp_path_factory.mktemp("dns")
    argv = [sys.executable, str(ROOT / "tools" / "dist.py"), "--out", str(work)]
    dist = Path(subprocess.run(argv, check=True, capture_output=True, text=True, timeout=900).stdout.strip())
    (work / "bad").mkdir()
    lab = Lab(Places(state=work / "lab", cache=Places.default().cache))
    lab.up(NODES, bare_zone=True)
    try:
        stage = Stage(lab, Setting(nodes=NODES, dist=dist, work=work, policy=TIMES), lambda _: None)
        first, second = stage.prepare()
        stage.hq.sh("noc", "hub", "secret", "set", "dns_tsig", stdin=lab.dns_key.encode())
        key = stage.hq.sh("cat", "/etc/noc-trust/hub_ssh_key.pub").strip()
        for node in NODES:
            lab.authorize(node, key)
        fleet = Fleet(stage, first, second, work / "bad")
        by_hand(fleet, "add", f"mail.{DOMAIN}.")
        yield fleet
    finally:
        lab.down()


def by_hand(fleet: Fleet, verb: str, name: str) -> None:
    """Add a record, or delete it, past HQ."""
    fleet.hq.sh("/opt/noc/current/bin/python", "-c", BY_HAND, fleet.lab.dns_key, verb, name)


def refused_at(fleet: Fleet, node: str) -> tuple[str, str]:
    """The step at which `noc dns apex` of a node fails, and its error's code."""
    fleet.hq.noc("dns", "apex", node, statuses=(1,))
    failed = [each for each in fleet.journal() if each["state"] == "failed" and each["node"] == node]
    return failed[0]["step"], failed[0]["detail"]["error"]["code"]


def resolved(fleet: Fleet, name: str) -> set[str]:
    """What a stranger gets for a name."""
    done = fleet.lab.stranger_exec("getent", "ahostsv4", name)
    return {line.split()[0] for line in done.stdout.decode().splitlines()}


def boot(fleet: Fleet, name: str) -> str:
    """The process that answers a stranger at a name, over strict TLS."""
    argv = ("curl", "-sS", "--fail", "--max-time", "10", "--cacert", str(fleet.lab.trust_bundle))
    done = fleet.lab.stranger_exec(*argv, f"https://{name}/health")
    assert done.returncode == 0, done.stderr
    return str(json.loads(done.stdout)["boot_id"])


def fingerprints(fleet: Fleet, node: str) -> str:
    """The certificates that a node's proxy keeps."""
    return fleet.on(node, f"cd {STORAGE} && sha256sum */*.crt */*.key")


def test_a_node_is_not_certified_before_its_name_is_there(fleet: Fleet) -> None:
    document = fleet.provision(*NODES, statuses=(1,))
    assert {(row["verdict"], "E575" in row["why"]) for row in document["nodes"]} == {("failed", True)}
    assert fleet.on("virginia", f"ls {STORAGE} 2>/dev/null || true") == ""


def test_the_plan_names_every_record_and_changes_none(fleet: Fleet) -> None:
    document = fleet.hq.noc("dns", "plan", statuses=(3,))
    assert [change.split()[:3] for change in document["records"]] == [
        ["create", "A", f"{name}.{DOMAIN}"] for name in ("frankfurt", "noc", "soc", "virginia")
    ]
    assert resolved(fleet, f"virginia.{DOMAIN}") == set()


def test_all_names_are_made_and_others_are_left_alone(fleet: Fleet) -> None:
    fleet.hq.noc("dns", "apply")
    assert {name: resolved(fleet, f"{name}.{DOMAIN}") for name in (*NODES, "noc", "mail")} == {
        **{node: {fleet.lab.address(node)} for node in NODES},
        "noc": {fleet.lab.address("zurich")},
        "mail": {"198.51.100.99"},
    }


def test_then_nothing_is_left_to_do(fleet: Fleet) -> None:
    assert fleet.hq.noc("dns", "plan", statuses=(0,))["records"] == []


def test_with_its_name_a_node_goes_live_and_hq_keeps_a_copy_of_its_certificate(fleet: Fleet) -> None:
    document = fleet.provision(*NODES)
    assert {row["verdict"] for row in document["nodes"]} == {"live"}
    copies = fleet.hq.sh("ls", "/var/lib/noc/certificates").split()
    assert {f"{node}.{DOMAIN}@acme.lab-14000-dir.age" for node in NODES} < set(copies)


def test_no_copy_on_hq_can_be_read_without_its_key(fleet: Fleet) -> None:
    found = fleet.hq.sh("sh", "-c", "grep -rl PRIVATE /var/lib/noc/certificates || true")
    modes = fleet.hq.sh("sh", "-c", "stat -c '%a %U' /var/lib/noc/certificates/*.age | sort -u")
    assert (found, modes) == ("", "600 noc-runner\n")


def test_a_domain_that_others_lead_elsewhere_is_left_to_them(fleet: Fleet) -> None:
    by_hand(fleet, "add", f"{DOMAIN}.")
    try:
        assert refused_at(fleet, "virginia") == ("zone", "NOC-E252")
        assert resolved(fleet, DOMAIN) == {"198.51.100.99"}
    finally:
        by_hand(fleet, "delete", f"{DOMAIN}.")


def test_without_an_authority_nothing_of_the_node_is_changed(fleet: Fleet) -> None:
    before = fleet.facts("virginia")["config"]
    fleet.hq.sh("sh", "-c", "cp /etc/hosts /root/hosts; echo 127.0.0.1 acme.lab >>/etc/hosts")
    try:
        assert refused_at(fleet, "virginia") == ("certificate", "NOC-E255")
    finally:
        fleet.hq.sh("sh", "-c", "cat /root/hosts >/etc/hosts")
    assert (fleet.facts("virginia")["config"], resolved(fleet, DOMAIN)) == (before, set())


def test_the_domain_is_answered_by_the_node_that_was_chosen(fleet: Fleet) -> None:
    fleet.hq.noc("dns", "apex", "virginia")
    assert boot(fleet, DOMAIN) == boot(fleet, f"virginia.{DOMAIN}")


def test_the_domain_moves_and_comes_back_while_it_is_asked_for_and_no_request_is_lost(
    fleet: Fleet, tmp_path: Path
) -> None:
    over = tmp_path / "over"
    program = [sys.executable, steady_load.__file__, DOMAIN, DOMAIN, str(fleet.lab.trust_bundle), "120"]
    load = fleet.started(fleet.lab.stranger_console(*program, "--fresh", "--senders", "4", "--until", str(over)))
    try:
        for node, other in (("frankfurt", "virginia"), ("virginia", "frankfurt")):
            rows = {row["node"]: row["verdict"] for row in fleet.hq.noc("dns", "apex", node)["nodes"]}
            assert rows == {node: "apex", other: "withdrawn"}
            assert boot(fleet, DOMAIN) == boot(fleet, f"{node}.{DOMAIN}")
    finally:
        over.touch()
        counted = json.loads(load.communicate(timeout=60)[0])
    assert (counted["failed"], counted["sent"] > 200) == ([], True)


def test_who_answered_before_answers_for_the_domain_no_more(fleet: Fleet) -> None:
    at = f"{DOMAIN}:443:{fleet.lab.address('frankfurt')}"
    argv = ("curl", "-sS", "--max-time", "5", "--cacert", str(fleet.lab.trust_bundle), "--resolve", at)
    assert fleet.lab.stranger_exec(*argv, f"https://{DOMAIN}/health").returncode != 0


def test_the_record_is_changed_after_the_node_has_answered_at_its_own_address(fleet: Fleet) -> None:
    events = fleet.journal()
    done = [each["step"] for each in events if each["node"] == "virginia" and each["state"] == "ok"]
    assert done == ["zone", "certificate", "alias", "face", "record", "resolved"]


def test_given_again_nothing_is_changed(fleet: Fleet) -> None:
    rows = fleet.hq.noc("dns", "apex", "virginia")["nodes"]
    assert [(row["node"], row["verdict"]) for row in rows] == [("virginia", "unchanged")]


def test_no_node_differs_from_what_is_rendered_for_it(fleet: Fleet) -> None:
    assert {row["state"] for row in fleet.hq.noc("drift", "all")["nodes"]} == {"same"}


def test_a_node_whose_certificates_are_lost_gets_them_back_and_no_new_ones(fleet: Fleet) -> None:
    before = fingerprints(fleet, "virginia")
    fleet.on("virginia", "systemctl stop caddy.service; rm -r /var/lib/caddy/.local")
    fleet.provision("virginia", host_key="")
    assert fingerprints(fleet, "virginia") == before
    assert boot(fleet, DOMAIN) == boot(fleet, f"virginia.{DOMAIN}")


def test_the_node_that_the_domain_leads_to_cannot_be_removed(fleet: Fleet) -> None:
    refused = fleet.hq.noc("remove", "virginia", "--yes", "virginia", statuses=(7,))
    assert (refused["error"]["code"], "noc dns apex" in refused["error"]["fix"]) == ("NOC-E767", True)


def test_a_node_that_leaves_serves_on_for_whoever_still_holds_its_name(fleet: Fleet) -> None:
    name = f"frankfurt.{DOMAIN}"
    held = ("--resolve", f"{name}:443:{fleet.lab.address('frankfurt')}")
    argv = ("curl", "-sS", "--fail", "--max-time", "5", "--cacert", str(fleet.lab.trust_bundle), *held)
    with fleet.under_way("remove", "frankfurt", "--yes", "frankfurt") as command:
        fleet.sees_after(command, "name", "drain")
        served = fleet.lab.stranger_exec(*argv, f"https://{name}/health")
        document = json.loads(command.communicate(timeout=200)[0])
    assert served.returncode == 0, served.stderr
    assert [row["verdict"] for row in document["nodes"]] == ["removed"]
    assert resolved(fleet, name) == set()
    (drained,) = [each for each in fleet.journal() if (each["step"], each["state"]) == ("drain", "ok")]
    assert drained["detail"]["changed"] == [f"served for {TTL_S} s more"]


def test_what_leads_elsewhere_is_left_alone_by_that_and_nothing_is_left_to_do(fleet: Fleet) -> None:
    assert fleet.hq.noc("dns", "plan", statuses=(0,))["records"] == []
    assert resolved(fleet, f"mail.{DOMAIN}") == {"198.51.100.99"}


def test_hqs_copy_of_its_certificate_is_gone_and_those_of_others_stay(fleet: Fleet) -> None:
    copies = fleet.hq.sh("ls", "/var/lib/noc/certificates")
    assert (f"frankfurt.{DOMAIN}@" in copies, f"virginia.{DOMAIN}@" in copies) == (False, True)
