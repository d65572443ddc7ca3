"""What HQ lets a node do about HQ's tunnel key, by a real shell over a directory that stands for the node's root."""

import subprocess
from pathlib import Path

import pytest

from noc.fleet.load import load
from noc.hosts import hubkeys
from noc.mesh.config import spoke_config
from noc.mesh.keys import generate

FLEET = load(Path(__file__).parents[3] / "fleet")
NODE = FLEET.node("frankfurt")
CONFIG, KEYS, FOLLOWED = "etc/wireguard/wg0.conf", "etc/noc-node/hub-keys", "run/noc-watchdog/hub-keys.json"


class Root:
    """A node's files, and a systemctl that notes each restart of the watchdog, and what that then has seen."""

    def __init__(self, path: Path, seen: str = "") -> None:
        self.path = path
        for name in (CONFIG, KEYS, FOLLOWED, "bin/systemctl"):
            (path / name).parent.mkdir(parents=True)
        systemctl = path / "bin/systemctl"
        systemctl.write_text(
            f'#!/bin/sh\necho "$@" >>{path}/restarts\ncat {path}/{KEYS} >{path}/{FOLLOWED} 2>/dev/null || true{seen}\n'
        )
        systemctl.chmod(0o755)

    def run(self, script: str, *given: str) -> "subprocess.CompletedProcess[str]":
        text = script.replace("/etc/", f"{self.path}/etc/").replace("/run/", f"{self.path}/run/")
        environment = {"PATH": f"{self.path}/bin:/usr/bin:/bin"}
        argv = ["sh", "-euc", text, "script", *given]
        return subprocess.run(argv, capture_output=True, text=True, check=False, env=environment, timeout=60)

    def write(self, name: str, text: str, mode: int = 0o644) -> None:
        (self.path / name).write_text(text)
        (self.path / name).chmod(mode)

    def read(self, name: str) -> str:
        return (self.path / name).read_text()

    def restarts(self) -> int:
        path = self.path / "restarts"
        return len(path.read_text().splitlines()) if path.exists() else 0


@pytest.fixture
def root(tmp_path: Path) -> Root:
    return Root(tmp_path)


@pytest.mark.parametrize("draw", range(8))
def test_the_configuration_becomes_what_hq_renders_with_the_new_key(root: Root, draw: int) -> None:
    old, new = generate()[1], generate()[1]
    root.write(CONFIG, spoke_config(FLEET, NODE, old), 0o600)
    root.write(KEYS, f"{old}\n{new}\n")
    assert root.run(hubkeys._KEEP, new).stdout == f"{root.path / CONFIG}\n"
    assert root.read(CONFIG) == spoke_config(FLEET, NODE, new)
    assert (root.path / CONFIG).stat().st_mode & 0o777 == 0o600
    assert root.run(hubkeys._KEEP, new).stdout == ""
    assert root.read(CONFIG) == spoke_config(FLEET, NODE, new)


def test_a_configuration_with_neither_key_is_left_alone_and_told(root: Root) -> None:
    old, new, strange = (generate()[1] for _ in range(3))
    root.write(CONFIG, spoke_config(FLEET, NODE, strange))
    root.write(KEYS, f"{old}\n{new}\n")
    assert root.run(hubkeys._KEEP, new).returncode != 0
    assert root.read(CONFIG) == spoke_config(FLEET, NODE, strange)


def test_a_node_that_forgot_before_its_answer_came_is_asked_again_without_harm(root: Root) -> None:
    new = generate()[1]
    root.write(CONFIG, spoke_config(FLEET, NODE, new))
    assert root.run(hubkeys._KEEP, new).returncode == 0
    assert root.run(hubkeys._FORGET).returncode == 0
    assert not (root.path / KEYS).exists()


def test_the_keys_are_told_once_and_the_watchdog_has_the_last_word(root: Root) -> None:
    old, new = generate()[1], generate()[1]
    assert root.run(hubkeys._TELL, old, new).stdout == "told\n"
    assert root.read(KEYS) == f"{old}\n{new}\n"
    again = root.run(hubkeys._TELL, old, new)
    assert (again.returncode, again.stdout, root.restarts()) == (0, "", 2)


def test_a_watchdog_that_reads_no_keys_is_told_of(tmp_path: Path) -> None:
    root = Root(tmp_path, seen=f"; rm {tmp_path}/{FOLLOWED}")
    script = hubkeys._TELL.replace("seq 100", "seq 2")
    refused = root.run(script, generate()[1], generate()[1])
    assert refused.returncode != 0
    assert "watchdog has not read" in refused.stderr
