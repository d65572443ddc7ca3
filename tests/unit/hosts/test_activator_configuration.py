"""A configuration through the activator as it lies on a node: the same transaction as a release."""

import json
import os
from pathlib import Path

import pytest

from noc.hosts.bundle import Bundle
from noc.hosts.files import File
from noc.hosts.node.actions import ACTIONS
from node_tree import Tree, wait_until

CADDYFILE, RULES = "/etc/caddy/Caddyfile", "/etc/nftables.d/noc.nft"


class Node:
    """A node that runs a proven release, whose actions are written down."""

    def __init__(self, tree: Tree) -> None:
        self.tree, self.log = tree, tree.base / "actions"
        self.act_with()
        self.release = tree.release(1)
        tree.prove(self.release, "first")

    def act_with(self, **commands: str) -> None:
        scripts = {name: f"echo {name} >>{self.log}" for name in ACTIONS} | commands
        self.tree.write_layout(actions={name: ["sh", "-c", script] for name, script in scripts.items()})

    def stage(self, text: str) -> str:
        bundle = Bundle({CADDYFILE: File(f"{text} proxy"), RULES: File(f"{text} rules", 0o600)})
        directory = self.tree.root / "var/lib/noc-node/configs"
        directory.mkdir(exist_ok=True)
        (directory / f"{bundle.sha256}.json").write_bytes(bundle.content)
        return bundle.sha256

    def begin(self, sha: str, run: str, *, release: str | None = None, confirm: float = 20) -> None:
        options = ["--config", sha, "--run", run, "--fence", "1", "--confirm-within", str(confirm)]
        said = self.tree.call("start", *([release] if release else []), *options, "--health-within", "10")[1]
        assert said["ok"], said

    def confirm(self, sha: str, run: str) -> None:
        self.begin(sha, run)
        self.tree.reach(run, "activated")
        assert self.tree.ask("confirm", run)[1]["state"] == "confirmed"

    @property
    def proxy(self) -> str:
        path = self.tree.root / CADDYFILE[1:]
        return path.read_text() if path.exists() else ""

    @property
    def in_force(self) -> str | None:
        return self.tree.ask("facts")[1]["config"]  # type: ignore[no-any-return]


@pytest.fixture
def node(tree: Tree) -> Node:
    return Node(tree)


def test_a_confirmed_configuration_is_in_force_under_a_new_process_of_the_same_release(node: Node) -> None:
    boot = node.tree.ask("status", "first")[1]["health"]["boot_id"]
    sha = node.stage("new")
    node.confirm(sha, "r1")
    verdict = node.tree.ask("status", "r1")[1]
    assert (verdict["new"], verdict["config_old"], verdict["config_new"]) == (node.release, None, sha)
    assert (node.proxy, node.in_force) == ("new proxy", sha)
    assert verdict["health"]["boot_id"] != boot
    assert node.log.read_text().split() == ["firewall", "proxy"]


def test_without_a_confirmation_the_old_configuration_returns(node: Node) -> None:
    old = node.stage("old")
    node.confirm(old, "r1")
    node.begin(node.stage("new"), "r2", confirm=0.3)
    assert "HQ did not confirm" in node.tree.reach("r2", "rolled-back")["reason"]
    assert (node.proxy, node.in_force) == ("old proxy", old)
    assert node.log.read_text().split() == ["firewall", "proxy"] * 3


def test_release_and_configuration_return_together(node: Node) -> None:
    node.begin(node.stage("new"), "r1", release=node.tree.release(2, "sick"))
    node.tree.reach("r1", "rolled-back")
    assert (node.proxy, node.tree.current, node.in_force) == ("", node.release, None)


def test_an_action_that_fails_is_the_reason_of_the_verdict(node: Node) -> None:
    node.act_with(proxy=f"! grep -qs new {node.tree.root}{CADDYFILE} || {{ echo 'line 1: new words' >&2; exit 1; }}")
    node.begin(node.stage("new"), "r1")
    verdict = node.tree.reach("r1", "rolled-back")
    assert verdict["reason"] == "proxy: line 1: new words"
    assert (node.proxy, verdict["health"]["version"]) == ("", "1.1.0")


def test_a_way_back_that_does_not_work_is_told_and_the_service_proven_all_the_same(node: Node) -> None:
    node.act_with(proxy="echo 'it is gone' >&2; exit 1")
    node.begin(node.stage("new"), "r1")
    verdict = node.tree.reach("r1", "rollback-failed")
    assert "then what was before: the configuration from before: proxy: it is gone" in verdict["reason"]
    assert (node.proxy, verdict["health"]["version"]) == ("", "1.1.0")


def test_what_is_no_configuration_is_refused_before_anything_changes(node: Node) -> None:
    node.begin("a" * 64, "r1")
    verdict = node.tree.reach("r1", "refused")
    assert verdict["reason"].startswith("config: ")
    assert not node.log.exists()


def test_an_activator_that_is_killed_puts_the_configuration_back(node: Node) -> None:
    node.begin(node.stage("new"), "r1")
    node.tree.reach("r1", "activated")
    pid = node.tree.acting()
    assert pid
    os.kill(pid, 9)
    wait_until(lambda: node.tree.acting() is None)
    assert node.tree.ask("recover", "r1")[1]["state"] == "rolled-back"
    assert node.proxy == ""


def test_a_reboot_puts_the_files_back_first_and_lets_the_system_run_by_them_later(node: Node) -> None:
    node.begin(node.stage("new"), "r1")
    node.tree.reach("r1", "activated")
    pid = node.tree.acting()
    assert pid
    os.kill(pid, 9)
    wait_until(lambda: node.tree.acting() is None)
    node.log.unlink()
    node.act_with(proxy=f"cat {node.tree.root}{CADDYFILE} >>{node.log} 2>&1 || echo gone >>{node.log}")
    assert node.tree.call("settle")[1]["settled"] == "r1"
    assert node.tree.reach("r1", "rolled-back")["health"]["version"] == "1.1.0"
    first, *later = node.log.read_text().splitlines()
    assert (first, node.proxy) == ("firewall", "")
    assert later[0] == "firewall"


def test_a_connection_from_before_does_not_confirm_a_configuration(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSH_CONNECTION", "10.84.0.1 50000 10.84.0.11 22")
    node.begin(node.stage("new"), "r1")
    node.tree.reach("r1", "activated")
    assert node.tree.ask("confirm", "r1") == (
        1,
        {
            "ok": False,
            "code": "connection",
            "why": "a new configuration is confirmed over a new connection; this one is from before",
        },
    )
    monkeypatch.setenv("SSH_CONNECTION", "10.84.0.1 50001 10.84.0.11 22")
    assert node.tree.ask("confirm", "r1")[1]["state"] == "confirmed"


def test_a_comparison_is_asked_in_one_document(node: Node) -> None:
    bundle = Bundle({CADDYFILE: File("new proxy")})
    assert node.tree.ask("compare", json.dumps(bundle.hashes()))[1] == {"ok": True, "differing": [CADDYFILE]}
    assert node.tree.ask("compare", json.dumps({"/etc/shadow": "644 x"}))[1]["code"] == "path"


@pytest.mark.parametrize("hashes", ["", "[]", "{", '["/etc/shadow"]', "7"])
def test_a_comparison_with_nothing_sensible_is_refused(node: Node, hashes: str) -> None:
    assert node.tree.ask("compare", hashes)[1]["code"] == "usage"


def test_nothing_of_a_settled_change_is_left_behind(node: Node) -> None:
    node.confirm(node.stage("new"), "r1")
    node.begin(node.stage("other"), "r2", confirm=0.2)
    node.tree.reach("r2", "rolled-back")
    state = Path(node.tree.root / "var/lib/noc-node")
    wait_until(lambda: node.tree.acting() is None)
    assert not (state / "config-before").exists()
    assert not (state / "pending.json").exists()
