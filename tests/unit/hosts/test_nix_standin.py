"""The stand-in for Nix behaves as the original is documented to; docs/stand-ins.md names the source of each."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

STANDIN = Path(__file__).parents[2] / "nix_standin.py"
PROFILE = "/nix/var/nix/profiles/system"
FEATURES = ("--extra-experimental-features", "nix-command flakes")


class Machine:
    """A machine with the stand-in's programs, below a directory."""

    def __init__(self, base: Path) -> None:
        self.root, self.bin = base / "root", base / "bin"
        self.root.mkdir()
        self.bin.mkdir()
        for name in ("nix", "nix-store", "nix-env", "nix-boot"):
            (self.bin / name).write_text(STANDIN.read_text())
            (self.bin / name).chmod(0o755)

    def __call__(self, *argv: str, status: int = 0, **more: Any) -> str:
        program = self.bin / argv[0] if "/" not in argv[0] else self.root / argv[0][1:]
        env = {**os.environ, "NIX_ROOT": str(self.root)}
        done = subprocess.run([program, *argv[1:]], env=env, capture_output=True, check=False, **more)
        assert done.returncode == status, done.stderr.decode()
        self.said, self.raw = done.stderr.decode(), done.stdout
        return str(done.stdout.decode(errors="replace")).strip()

    def leads(self, link: str) -> str:
        path = self.root / link[1:]
        target = str(path.readlink())
        return target if target.startswith("/") else str((path.parent / target).readlink())

    def switch(self, system: str, action: str, status: int = 0) -> str:
        return self(f"{system}/bin/switch-to-configuration", action, status=status)


@pytest.fixture
def hq(tmp_path: Path) -> Machine:
    (tmp_path / "hq").mkdir()
    return Machine(tmp_path / "hq")


@pytest.fixture
def node(tmp_path: Path) -> Machine:
    (tmp_path / "node").mkdir()
    return Machine(tmp_path / "node")


def make(machine: Machine, rev: int, **lock: Any) -> str:
    flake = machine.root.parent / "flake"
    (flake / "nodes").mkdir(parents=True, exist_ok=True)
    for name in ("base.nix", "fleet.nix", "nodes/virginia.nix"):
        (flake / name).write_text(name)
    (flake / "flake.lock").write_text(json.dumps({"rev": rev, "kernel": "6.1", **lock}))
    attribute = f"path:{flake}#nixosConfigurations.virginia.config.system.build.toplevel.drvPath"
    drv = machine("nix", *FEATURES, "eval", "--raw", "--no-update-lock-file", attribute)
    return machine("nix-store", "--realise", drv)


def send(hq: Machine, node: Machine, system: str) -> None:
    paths = hq("nix-store", "--query", "--requisites", system).split()
    lacking = node("nix-store", "--check-validity", "--print-invalid", *paths).split()
    hq("nix-store", "--export", *lacking)
    node("nix-store", "--import", input=hq.raw)


def test_equal_inputs_are_one_system_and_others_another(hq: Machine) -> None:
    assert make(hq, 1) == make(hq, 1)
    assert make(hq, 1) != make(hq, 2)


def test_without_a_lock_nothing_is_evaluated(hq: Machine) -> None:
    make(hq, 1)
    (hq.root.parent / "flake/flake.lock").unlink()
    attribute = f"path:{hq.root.parent}/flake#nixosConfigurations.virginia.config.system.build.toplevel.drvPath"
    hq("nix", *FEATURES, "eval", "--raw", "--no-update-lock-file", attribute, status=1)
    assert "requires lock file changes" in hq.said


def test_flakes_are_to_be_asked_for(hq: Machine) -> None:
    hq("nix", "flake", "update", status=1)
    assert "experimental Nix feature" in hq.said


def test_what_is_sent_arrives_and_is_not_sent_twice(hq: Machine, node: Machine) -> None:
    first, second = make(hq, 1), make(hq, 2)
    send(hq, node, first)
    paths = hq("nix-store", "--query", "--requisites", second).split()
    lacking = node("nix-store", "--check-validity", "--print-invalid", *paths).split()
    assert second in lacking
    assert not any("linux" in path for path in lacking)


def test_a_path_whose_references_are_missing_is_refused(hq: Machine, node: Machine) -> None:
    system = make(hq, 1)
    hq("nix-store", "--export", system)
    node("nix-store", "--import", input=hq.raw, status=1)
    assert "is not valid" in node.said


def test_a_profile_takes_valid_paths_alone(hq: Machine) -> None:
    hq("nix-env", "--profile", PROFILE, "--set", "/nix/store/" + "0" * 32 + "-absent", status=1)


def test_generations_are_numbered_and_the_same_path_is_no_new_one(hq: Machine) -> None:
    systems = [make(hq, rev) for rev in (1, 2, 2, 3)]
    for system in systems:
        hq("nix-env", "--profile", PROFILE, "--set", system)
    links = sorted(path.name for path in (hq.root / PROFILE[1:]).parent.iterdir())
    assert links == ["system", "system-1-link", "system-2-link", "system-3-link"]
    hq("nix-env", "--profile", PROFILE, "--delete-generations", "+2")
    links = sorted(path.name for path in (hq.root / PROFILE[1:]).parent.iterdir())
    assert links == ["system", "system-2-link", "system-3-link"]
    assert hq.leads(PROFILE) == systems[-1]


def test_pruning_keeps_what_is_newer_than_the_present_one(hq: Machine) -> None:
    first, second = make(hq, 1), make(hq, 2)
    hq("nix-env", "--profile", PROFILE, "--set", first)
    hq("nix-env", "--profile", PROFILE, "--set", second)
    profile = hq.root / PROFILE[1:]
    profile.unlink()
    profile.symlink_to("system-1-link")
    hq("nix-env", "--profile", PROFILE, "--delete-generations", "+1")
    assert (profile.parent / "system-2-link").is_symlink()


def test_a_test_is_forgotten_at_boot_and_a_boot_is_not_a_test(hq: Machine) -> None:
    old, new = make(hq, 1), make(hq, 2)
    hq.switch(old, "boot")
    hq("nix-boot")
    hq.switch(new, "test")
    assert (hq.leads("/run/current-system"), hq.leads("/run/booted-system")) == (new, old)
    hq("nix-boot")
    assert hq.leads("/run/current-system") == old
    hq.switch(new, "boot")
    assert hq.leads("/run/current-system") == old
    hq("nix-boot")
    assert hq.leads("/run/current-system") == new


@pytest.mark.parametrize(
    ("fault", "status", "words", "runs"),
    [("units", 4, "the following units failed: caddy.service", "new"), ("activation", 2, "snippet 'users'", "new")],
)
def test_a_switch_that_fails_says_how(hq: Machine, fault: str, status: int, words: str, runs: str) -> None:
    hq.switch(make(hq, 1, faults={"virginia": fault}), "test", status)
    assert words in hq.said


def test_an_init_that_does_not_fit_is_not_switched_to(hq: Machine) -> None:
    old = make(hq, 1)
    hq.switch(old, "test")
    hq.switch(make(hq, 2, init=3), "test", 100)
    assert "until you reboot" in hq.said
    assert hq.leads("/run/current-system") == old


def test_an_unknown_action_is_a_mistake(hq: Machine) -> None:
    hq.switch(make(hq, 1), "tset", 1)


def test_what_no_root_keeps_is_collected(hq: Machine) -> None:
    kept, running, gone = make(hq, 1), make(hq, 2, kernel="6.2"), make(hq, 3, kernel="6.3")
    hq("nix-store", "--realise", kept, "--add-root", str(hq.root / "link"))
    hq.switch(running, "test")
    hq("nix-store", "--gc")
    assert [(hq.root / path[1:]).exists() for path in (kept, running, gone)] == [True, True, False]
    assert hq("nix-store", "--check-validity", "--print-invalid", kept, gone) == gone
