"""A small fleet from HQ's own commands to its nodes: what must go right, and every fault that must end well.

HQ and four nodes: virginia and frankfurt are live; singapore and london are fresh machines for provisioning's faults.
"""

import json
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fleet_kit import LIVE, Fleet

NOBODY = "198.51.100.250"
OTHER_KEY = "SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU"
Until = Callable[..., None]


@pytest.fixture(scope="module")
def fleet(half_fleet: Fleet) -> Fleet:
    """The fleet before all of it is live."""
    return half_fleet


def why(document: dict[str, Any]) -> str:
    return str(document["nodes"][0]["why"])


class TestProvision:
    """First contact is strict, and what was interrupted can be given again."""

    def test_without_a_source_of_trust_nothing_is_contacted(self, fleet: Fleet) -> None:
        document = fleet.provision("singapore", statuses=(1, 5), host_key="")
        assert "which host key" in why(document)
        assert "--host-key" in why(document)

    def test_another_host_key_stops_before_any_login(self, fleet: Fleet) -> None:
        document = fleet.provision("singapore", statuses=(1, 5), host_key=OTHER_KEY)
        assert "NOC-E301" in why(document)
        log = fleet.lab.exec("singapore", "journalctl", "-u", "ssh", "-o", "cat").stdout.decode()
        assert "Accepted" not in log

    def test_an_address_where_nobody_is_says_so(self, fleet: Fleet) -> None:
        document = fleet.provision("singapore", statuses=(1, 8), ip=NOBODY)
        assert NOBODY in why(document)
        assert "Fix:" in why(document)

    def test_the_address_of_another_machine_is_noticed(self, fleet: Fleet) -> None:
        document = fleet.provision("singapore", statuses=(1, 5), ip=fleet.lab.address("london"))
        assert "not the machine that was meant" in why(document)

    def test_a_node_that_dies_on_the_way_is_named_and_can_be_provisioned_later(
        self, fleet: Fleet, until: Until
    ) -> None:
        argv = fleet.lab.console("zurich", "noc", "provision", "london", "--release", fleet.first, "--json", "--host",
                                 f"london={fleet.lab.address('london')},{fleet.lab.host_key('london')}")  # fmt: skip
        with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as command:
            assert command.stderr is not None
            assert any("tunnel-key" in line for line in command.stderr)
            fleet.lab.kill("london")
            output, _ = command.communicate(timeout=200)
        assert command.returncode in (1, 3)
        assert "london" in why(json.loads(output))
        fleet.lab.boot("london")
        assert fleet.provision("london")["nodes"][0]["now"].startswith("live")

    def test_given_again_it_changes_nothing_and_says_so(self, fleet: Fleet) -> None:
        assert {row["verdict"] for row in fleet.provision(*LIVE)["nodes"]} == {"unchanged"}


class TestDeploy:
    """A release is proven on each node, or taken back where it failed, the rest untouched."""

    def test_a_release_that_answers_500_is_taken_back_and_goes_no_further(self, fleet: Fleet) -> None:
        rows = fleet.deploy(fleet.bad_release(11, "sick"), status=1)
        assert [rows[node]["verdict"] for node in LIVE] == ["rolled-back", "untouched"]
        assert fleet.serves("virginia")["version"] == "1.0.0"

    def test_a_release_that_answers_with_the_old_version_is_taken_back(self, fleet: Fleet) -> None:
        rows = fleet.deploy(fleet.bad_release(12, "old-version"), status=1)
        assert [rows[node]["verdict"] for node in LIVE] == ["rolled-back", "untouched"]
        assert fleet.serves("virginia")["version"] == "1.0.0"

    def test_a_release_that_dies_at_its_start_is_taken_back_with_its_last_words(self, fleet: Fleet) -> None:
        document = fleet.hq.noc("deploy", *LIVE, fleet.bad_release(13, "crash"), statuses=(1,))
        shown = json.dumps(fleet.hq.noc("run", "show", document["run"]))
        assert "cannot start" in shown
        assert fleet.serves("virginia")["version"] == "1.0.0"

    def test_an_unsigned_release_never_enters_hq(self, fleet: Fleet, tmp_path: Path) -> None:
        built = fleet.stage.operator.release("1.9.0", 19)
        (built.directory / "manifest.json.sig").unlink()
        fleet.hq.copy(built.directory, "/root/unsigned")
        refused = fleet.hq.noc("release", "add", "/root/unsigned", statuses=(1,))
        assert refused["error"]["code"] == "NOC-E403"

    def test_a_release_with_one_flipped_byte_never_enters_hq(self, fleet: Fleet) -> None:
        built = fleet.stage.operator.release("1.8.0", 18)
        payload = built.directory / "clavitor.pyz"
        content = bytearray(payload.read_bytes())
        content[len(content) // 2] ^= 1
        payload.write_bytes(content)
        fleet.hq.copy(built.directory, "/root/flipped")
        assert "error" in fleet.hq.noc("release", "add", "/root/flipped", statuses=(1,))

    def test_a_power_cut_before_the_confirmation_leaves_the_old_release_serving(
        self, fleet: Fleet, until: Until
    ) -> None:
        argv = fleet.lab.console("zurich", "noc", "deploy", "virginia", fleet.second, "--json")
        with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as command:
            verdicts = fleet.lab.disk("virginia") / "var/lib/noc-node/pending.json"
            until(verdicts.exists, 60)
            fleet.lab.kill("virginia")
            fleet.lab.boot("virginia")
            command.communicate(timeout=200)
        assert command.returncode != 0
        assert fleet.serves("virginia")["version"] == "1.0.0"

    def test_a_closed_laptop_leaves_the_run_running_and_it_is_found_again(self, fleet: Fleet) -> None:
        argv = fleet.lab.console("zurich", "noc", "deploy", *LIVE, fleet.second)
        with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as command:
            assert command.stderr is not None
            assert any("activate" in line for line in command.stderr)
            fleet.lab.exec("zurich", "sh", "-c", "kill -9 $(pgrep -f 'noc deploy')")
        run = fleet.hq.noc("run", "list")["runs"][0]["run"]
        shown = fleet.hq.noc("run", "show", run, "--follow", timeout_s=120)
        assert {row["verdict"] for row in shown["nodes"]} == {"confirmed"}

    def test_what_runs_already_is_neither_sent_nor_restarted(self, fleet: Fleet) -> None:
        before = [fleet.serves(node)["boot_id"] for node in LIVE]
        assert {row["verdict"] for row in fleet.deploy(fleet.second).values()} == {"unchanged"}
        assert [fleet.serves(node)["boot_id"] for node in LIVE] == before

    def test_a_node_with_a_full_disk_keeps_its_release_and_names_the_room_it_needs(self, fleet: Fleet) -> None:
        release = fleet.bad_release(21, "ok")
        fleet.lab.exec("virginia", "mount", "-t", "tmpfs", "-o", "size=4k", "tmpfs", "/opt/clavitor/releases")
        try:
            document = fleet.hq.noc("deploy", "virginia", release, statuses=(1,))
        finally:
            fleet.lab.exec("virginia", "umount", "-l", "/opt/clavitor/releases")
        assert "virginia" in why(document)
        assert fleet.serves("virginia")["version"] == "1.1.0"


class TestRunner:
    """What happens to runs and nodes when others act at the same time, or die."""

    def test_a_deploy_while_another_run_acts_is_refused_and_its_own_deaths_page_nobody(self, fleet: Fleet) -> None:
        before = fleet.events()[-1]["id"]
        with fleet.deploying("virginia", fleet.first) as command:
            fleet.sees(command, "prove")
            refused = fleet.hq.noc("deploy", "frankfurt", fleet.first, statuses=(7,))
            fleet.lab.exec("virginia", "systemctl", "kill", "-s", "KILL", "clavitor.service")
            output, _ = command.communicate(timeout=120)
        assert refused["error"]["code"] == "NOC-E503"
        assert why(json.loads(output)).startswith("NOC-E512")
        assert json.loads(output)["nodes"][0]["verdict"] == "rolled-back"
        kinds = [event["kind"] for event in fleet.events(before) if event["node"] == "virginia"]
        assert "death" in kinds
        assert not {"incident-opened", "alert-sent"} & set(kinds)

    def test_while_a_cut_run_has_a_node_in_hand_another_is_told_how_to_go_on_with_it(
        self, fleet: Fleet, until: Until
    ) -> None:
        with fleet.deploying("virginia", fleet.first) as command:
            until((fleet.lab.disk("virginia") / "var/lib/noc-node/pending.json").exists, 60)
            fleet.lab.exec("zurich", "systemctl", "kill", "-s", "KILL", "noc-runner.service")
            command.communicate(timeout=60)
        assert command.returncode != 0
        fleet.runner_returns()
        refused = fleet.hq.noc("deploy", "virginia", fleet.second, statuses=(1,))
        assert "noc run resume" in refused["error"]["why"]
        assert fleet.hq.noc("run", "resume", "last")["nodes"][0]["verdict"] == "confirmed"
        assert fleet.runs_proven("virginia", fleet.first)


class TestTunnel:
    """A spoke reaches the hub's push port and nothing else, and its key can be changed under a running fleet."""

    def test_the_hub_answers_a_node_on_the_push_port_alone(self, fleet: Fleet) -> None:
        assert fleet.open_ports("virginia", "10.84.0.1", 22, 80, 443, 8080, 8084, 8443) == [8084]

    def test_a_node_reaches_no_other_node_even_where_it_wants_to(self, fleet: Fleet) -> None:
        other = fleet.tunnel_address("frankfurt")
        assert fleet.open_ports("virginia", other, 22, 80, 443) == []
        hub = fleet.hq.sh("wg", "show", "wg0", "public-key").strip()
        fleet.on("virginia", f"wg set wg0 peer {hub} allowed-ips 10.84.0.0/24; ip route add {other} dev wg0")
        try:
            assert fleet.open_ports("virginia", other, 22, 80, 443) == []
        finally:
            fleet.on("virginia", f"ip route del {other}; wg set wg0 peer {hub} allowed-ips 10.84.0.1/32")

    def test_a_rotated_key_carries_the_tunnel_and_no_other_tunnel_is_lost(self, fleet: Fleet) -> None:
        keys = {node: fleet.on(node, "wg show wg0 public-key") for node in LIVE}
        before = fleet.handshakes()
        document = fleet.hq.noc("rotate", "wg", "virginia")
        assert document["nodes"][0]["verdict"] == "rotated"
        after, new = fleet.handshakes(), fleet.on("virginia", "wg show wg0 public-key")
        assert new != keys["virginia"]
        assert fleet.on("virginia", "wg pubkey </etc/wireguard/wg0.key") == new
        assert (keys["virginia"] in after, after[new] > 0) == (False, True)
        assert after[keys["frankfurt"]] >= before[keys["frankfurt"]] > 0


class TestPush:
    """A push token opens its own node's heartbeat, from its own address, and nothing else."""

    def _push(self, fleet: Fleet, node: str, url: str) -> str:
        done = fleet.lab.exec(node, "python3", "-c",
            "import sys, urllib.request as r, urllib.error as e\n"
            "try: print(r.urlopen(sys.stdin.read(), timeout=5).status)\n"
            "except e.HTTPError as refused: print(refused.code)", stdin=url.encode())  # fmt: skip
        return done.stdout.decode().strip()

    def _url(self, fleet: Fleet, node: str) -> str:
        environment = fleet.lab.exec(node, "cat", "/etc/clavitor/environment").stdout.decode()
        lines = [line for line in environment.splitlines() if line.startswith("KUMA_PUSH_URL=")]
        return lines[0].partition("=")[2].strip('"')

    def test_an_unknown_token_is_not_found(self, fleet: Fleet) -> None:
        url = self._url(fleet, "virginia").rpartition("/")[0] + "/" + "a" * 43
        assert self._push(fleet, "virginia", url) == "404"

    def test_another_nodes_token_is_not_found_either_and_hq_is_told(self, fleet: Fleet, until: Until) -> None:
        assert self._push(fleet, "virginia", self._url(fleet, "frankfurt")) == "404"
        until(lambda: "frankfurt" in (told := self._strangers(fleet)) and "virginia" in told)

    def _strangers(self, fleet: Fleet) -> str:
        """What HQ was told of tokens that came from elsewhere."""
        url = "http://hq/api/v1/events?limit=1000"
        events = fleet.hq.sh("curl", "-s", "--unix-socket", "/run/noc-watch/watch.sock", url)
        return json.dumps([event for event in json.loads(events)["events"] if event["kind"] == "foreign-token"])

    def test_its_own_token_is_taken(self, fleet: Fleet) -> None:
        assert self._push(fleet, "virginia", self._url(fleet, "virginia")) == "200"


def test_every_node_is_healthy_at_the_end(fleet: Fleet) -> None:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        document = fleet.hq.noc("health", *LIVE, statuses=(0, 1, 3))
        if all(row["healthy"] for row in document["nodes"]):
            return
        time.sleep(1)
    raise AssertionError(json.dumps(document, indent=1))
