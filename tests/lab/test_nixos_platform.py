"""NixOS nodes in a rollout, on real hosts with a stand-in for the Nix programs (tests/nix_standin.py): the order of
things, and every way back. What a host is beside its system (units, proxy, tunnel) stays Debian's; docs/nixos.md says
what is left to prove on the real HQ."""

import json
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import tomli_w

from fleet_kit import FLEET_FILE, LIVE, Fleet, rows, wait_for

STANDIN = Path(__file__).parents[1] / "nix_standin.py"
PROGRAMS = ("nix", "nix-store", "nix-env", "nix-boot")
LOCK, UPSTREAM = "/etc/noc/nixos/flake.lock", "/var/lib/nixpkgs-upstream.json"
KERNEL_PARTS = ["kernel", "initrd", "kernel-modules"]
NODE, OTHER = LIVE
BOOT_UNIT = """
[Unit]
DefaultDependencies=no
After=local-fs.target
Before=noc-settle.service sysinit.target
ConditionPathIsSymbolicLink=/boot/default-system
[Service]
Type=oneshot
ExecStart=/usr/local/bin/nix-boot
[Install]
WantedBy=sysinit.target
"""
# The stand-in has no daemon: whoever calls it writes into the store himself.
RUNNER = "[Service]\nReadWritePaths=/nix\n"
RUNNER_DROP_IN = "/etc/systemd/system/noc-runner.service.d"


class Nixos:
    """Two nodes whose system is one closure, and the nixpkgs that their next one comes from."""

    def __init__(self, fleet: Fleet) -> None:
        self.fleet = fleet
        self.rev = 0

    def as_runner(self, *argv: str, stdin: str = "") -> str:
        return self.fleet.hq.sh("runuser", "-u", "noc-runner", "--", *argv, stdin=stdin.encode())

    def install(self) -> None:
        """Put the stand-in on HQ and nodes, and make the nodes NixOS in the fleet file."""
        for machine in ("zurich", *LIVE):
            for name in PROGRAMS:
                self.put(machine, f"/usr/local/bin/{name}", STANDIN.read_text(), 0o755)
        for node in LIVE:
            self.put(node, "/etc/systemd/system/nix-boot.service", BOOT_UNIT)
            self.fleet.on(
                node,
                "mkdir -p /nix/var/nix/gcroots; systemctl enable -q nix-boot; mv /var/lib/noc-node/config.json /root/",
            )
        self.put("zurich", f"{RUNNER_DROP_IN}/standin.conf", RUNNER)
        script = "install -d -o noc-runner /nix; systemctl daemon-reload; systemctl restart noc-runner"
        self.fleet.hq.sh("sh", "-euc", script)
        document = tomllib.loads(self.fleet.hq.sh("cat", FLEET_FILE))
        for node in document["nodes"]:
            node["platform"] = "nixos" if node["name"] in LIVE else node["platform"]
        self.as_runner("tee", FLEET_FILE, stdin=tomli_w.dumps(document))
        self.as_runner("noc", "render")

    def put(self, machine: str, path: str, text: str, mode: int = 0o644) -> None:
        place = self.fleet.lab.disk(machine) / path.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
        place.chmod(mode)

    def nixpkgs(self, **lock: Any) -> int:
        """The next nixpkgs, as its upstream has it; its number."""
        self.rev += 1
        self.lock = json.dumps({"rev": self.rev, "kernel": "6.1", **lock})
        self.put("zurich", UPSTREAM, self.lock)
        return self.rev

    def pin(self, **lock: Any) -> int:
        """The same, locked by the fleet already."""
        rev = self.nixpkgs(**lock)
        self.as_runner("tee", LOCK, stdin=self.lock)
        return rev

    def locked(self) -> int:
        return int(json.loads(self.fleet.hq.sh("cat", LOCK))["rev"])

    def update(self, *words: str, status: int = 0) -> dict[str, dict[str, Any]]:
        document = self.fleet.hq.noc("os-update", "run", *(words or LIVE), statuses=(status,))
        return {row["node"]: row for row in document["nodes"]}

    def bring(self, *nodes: str, status: int = 0) -> dict[str, dict[str, Any]]:
        document = self.fleet.hq.noc("deploy", *nodes, "--config", statuses=(status,))
        return {row["node"]: row for row in document["nodes"]}

    def links(self, node: str) -> tuple[int, int, int]:
        """Which nixpkgs' system runs on a node, was booted last, and boots next."""
        names = "/run/current-system /run/booted-system /nix/var/nix/profiles/system"
        running, booted, following = (
            int(path.rpartition("-")[2]) for path in self.fleet.on(node, f"readlink -f {names}").split()
        )
        return running, booted, following

    def generations(self, node: str) -> list[str]:
        return self.fleet.on(node, "ls /nix/var/nix/profiles").split()

    def drift(self, *nodes: str) -> dict[str, dict[str, Any]]:
        document = self.fleet.hq.noc("drift", *nodes, statuses=(0, 3))
        return {row["node"]: row for row in document["nodes"]}


@pytest.fixture(scope="module")
def nixos(half_fleet: Fleet) -> Iterator[Nixos]:
    before = half_fleet.hq.sh("cat", FLEET_FILE)
    made = Nixos(half_fleet)
    made.install()
    try:
        made.pin()
        assert {row["verdict"] for row in made.bring(*LIVE).values()} == {"confirmed"}
        for node in LIVE:
            half_fleet.on(node, "nix-boot")
        yield made
    finally:
        for node in LIVE:
            half_fleet.on(node, "systemctl disable -q nix-boot; mv /root/config.json /var/lib/noc-node/config.json")
            half_fleet.on(node, "rm -rf /nix /boot/default-system /run/*-system /usr/local/bin/nix*")
        made.as_runner("tee", FLEET_FILE, stdin=before)
        made.as_runner("noc", "render")
        # A runner that has to have /nix to start would never start again without it.
        script = f"rm -r {RUNNER_DROP_IN}; systemctl daemon-reload; systemctl restart noc-runner"
        half_fleet.hq.sh("sh", "-euc", f"{script}; rm -rf /nix /var/lib/noc/closures /usr/local/bin/nix* {LOCK}")


def test_the_weekly_update_pushes_tries_confirms_and_only_then_boots_the_new_system(nixos: Nixos) -> None:
    before = nixos.links(NODE)[0]
    rev = nixos.nixpkgs()
    plan = nixos.fleet.hq.noc("os-update", "plan", *LIVE, statuses=(3,))
    assert [(row["state"], row["reboot"]) for row in plan["rows"]] == [("change", [])] * 2
    assert (nixos.links(NODE)[0], nixos.locked()) == (before, before)
    assert {row["verdict"] for row in nixos.update().values()} == {"confirmed"}
    for node in LIVE:
        running, _, following = nixos.links(node)
        assert (running, following) == (rev, rev)
        assert nixos.fleet.runs_proven(node)
    assert nixos.locked() == rev
    assert "nixpkgs locked anew: 2 nodes run it" in nixos.as_runner("git", "-C", "/etc/noc", "log", "--format=%s", "-3")
    assert {row["state"] for row in nixos.drift(*LIVE).values()} == {"same"}


def test_of_the_generations_two_are_left_and_hq_keeps_what_runs_and_what_ran(nixos: Nixos) -> None:
    for _ in range(2):
        nixos.nixpkgs()
        nixos.update(NODE)
    links = nixos.generations(NODE)
    assert len(links) == 3, links
    roots = {
        name: nixos.fleet.hq.sh("readlink", f"/var/lib/noc/closures/{NODE}.{name}").strip()
        for name in ("running", "before")
    }
    assert [int(roots[name].rpartition("-")[2]) for name in ("running", "before")] == [nixos.rev, nixos.rev - 1]
    kept = nixos.fleet.hq.sh("ls", "/nix/store")
    assert f"-{NODE}-{nixos.rev - 2}\n" not in kept


def test_a_new_kernel_is_confirmed_and_waits_for_a_reboot(nixos: Nixos) -> None:
    nixos.nixpkgs(kernel="6.2")
    plan = nixos.fleet.hq.noc("os-update", "plan", NODE, statuses=(3,))
    assert plan["rows"][0]["reboot"] == KERNEL_PARTS
    row = nixos.update(NODE)[NODE]
    assert (row["verdict"], row["why"]) == ("confirmed", f"needs a reboot: {', '.join(KERNEL_PARTS)}")
    assert nixos.drift(NODE)[NODE]["reboot"] == KERNEL_PARTS
    before = nixos.fleet.facts(NODE)["boot_id"]
    found = {row["node"]: row for row in nixos.fleet.hq.noc("os-update", "reboot", *LIVE)["nodes"]}
    assert {node: found[node]["verdict"] for node in LIVE} == {NODE: "rebooted", OTHER: "unchanged"}
    assert nixos.fleet.facts(NODE)["boot_id"] != before
    assert nixos.links(NODE) == (nixos.rev,) * 3
    assert (nixos.drift(NODE)[NODE]["state"], nixos.drift(NODE)[NODE]["reboot"]) == ("same", [])


def test_a_node_that_is_provisioned_anew_tries_its_system_and_keeps_it_once_hq_came_through_the_tunnel(
    nixos: Nixos,
) -> None:
    _, booted, _ = nixos.links(NODE)
    rev = nixos.pin()
    document = nixos.fleet.hq.noc("provision", NODE, timeout_s=200)
    assert [row["good"] for row in document["nodes"]] == [True]
    assert nixos.links(NODE) == (rev, booted, rev)
    assert nixos.fleet.on(NODE, "systemctl is-active noc-system-revert.timer || true") == "inactive"
    assert nixos.fleet.on(NODE, "ls /run/noc-closure* 2>/dev/null || true") == ""


@pytest.mark.parametrize(
    ("lock", "words"),
    [
        ({"faults": {NODE: "units"}}, "units failed to start: caddy.service"),
        ({"init": 3}, "it can only be booted into"),
        ({"faults": {NODE: "activation"}}, "the system's activation script failed"),
    ],
    ids=("exit 4", "exit 100", "exit 2"),
)
def test_a_switch_that_fails_goes_back_and_no_further(nixos: Nixos, lock: dict[str, Any], words: str) -> None:
    running, _, following = nixos.links(NODE)
    generations, locked = nixos.generations(NODE), nixos.locked()
    nixos.nixpkgs(**lock)
    found = nixos.update(status=1)
    assert [found[node]["verdict"] for node in LIVE] == ["rolled-back", "untouched"]
    assert words in found[NODE]["why"]
    assert nixos.links(NODE)[::2] == (running, following)
    assert (nixos.generations(NODE), nixos.locked()) == (generations, locked)
    assert nixos.fleet.runs_proven(NODE)


def test_where_hq_falls_silent_the_node_goes_back_by_itself(nixos: Nixos) -> None:
    running, _, following = nixos.links(NODE)
    nixos.pin(faults={NODE: "tunnel"})
    assert nixos.bring(NODE, status=1)[NODE]["verdict"] == "rolled-back"
    assert nixos.links(NODE)[::2] == (running, following)
    assert nixos.fleet.runs_proven(NODE)


def test_a_power_cut_in_the_middle_comes_back_with_the_old_system(nixos: Nixos) -> None:
    running, _, following = nixos.links(NODE)
    nixos.pin()
    with nixos.fleet.deploying(NODE, "--config") as command:
        wait_for(
            lambda: (
                nixos.fleet.lab.exec(
                    NODE, "sh", "-c", f"readlink -f /run/current-system | grep -q -- -{nixos.rev}$"
                ).returncode
                == 0
            )
        )
        nixos.fleet.lab.kill(NODE)
        nixos.fleet.lab.boot(NODE)
        found = rows(command)
    assert found[NODE]["verdict"] == "rolled-back"
    assert nixos.links(NODE) == (running, running, following)
    assert nixos.fleet.runs_proven(NODE)
