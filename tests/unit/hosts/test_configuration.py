"""One change of configuration on a node's file tree: applied, kept, undone, cut at any moment."""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from noc.hosts.bundle import Bundle
from noc.hosts.files import File
from noc.hosts.node import boot, configuration
from noc.hosts.node.actions import ACTIONS, actions_for
from noc.hosts.node.layout import Layout
from noc.hosts.node.service import Unproven
from noc.hosts.node.state import Refused, write_json
from noc.hosts.node.wanted import MAX_FILE, compare
from noc.hosts.programs import node_programs
from tree_trace import Arrived, moments, trace

CADDYFILE, RULES, TUNNEL = "/etc/caddy/Caddyfile", "/etc/nftables.d/noc.nft", "/etc/wireguard/wg0.conf"
SERVICE, SIGNERS = "/etc/systemd/system/clavitor.service", "/etc/noc-node/signers"
DROP_IN = "/etc/systemd/system/caddy.service.d/noc.conf"
LAUNCHER = "/usr/local/lib/noc-node/activator.py"

Files = Mapping[str, File]


class Node:
    """A node's tree, whose actions are written down instead of taken."""

    def __init__(self, root: Path, files: Files) -> None:
        self.root = root
        self.log = root / "var/lib/actions"
        (root / "var/lib/noc-node/configs").mkdir(parents=True)
        commands = {name: ("sh", "-c", f"echo {name} >>{self.log}") for name in ACTIONS}
        self.layout = Layout(root=str(root), actions=commands)
        for path, file in files.items():
            self.write(path, file.text, file.mode)

    def path(self, path: str) -> Path:
        return self.root / path.lstrip("/")

    def write(self, path: str, text: str, mode: int = 0o644) -> None:
        self.path(path).parent.mkdir(parents=True, exist_ok=True)
        self.path(path).write_text(text)
        self.path(path).chmod(mode)

    def stage(self, bundle: Bundle) -> str:
        (self.root / f"var/lib/noc-node/configs/{bundle.sha256}.json").write_bytes(bundle.content)
        return bundle.sha256

    def change(self, bundle: Bundle) -> str:
        """Save and apply; the configuration's name."""
        sha = self.stage(bundle)
        configuration.save(self.layout, "r1", sha)
        configuration.apply(self.layout, "r1", sha)
        return sha

    def keep(self, bundle: Bundle) -> str:
        sha = self.change(bundle)
        configuration.keep(self.layout, sha)
        configuration.forget(self.layout)
        return sha

    @property
    def actions(self) -> list[str]:
        return self.log.read_text().split() if self.log.exists() else []

    def held(self) -> dict[str, tuple[int, bytes | None]]:
        """All that lies outside the activator's own directory."""
        return held(self.root)


def held(root: Path) -> dict[str, tuple[int, bytes | None]]:
    there = [path for path in sorted(root.rglob("*")) if not path.is_relative_to(root / "var")]
    return {
        str(path.relative_to(root)): (path.stat().st_mode & 0o777, None if path.is_dir() else path.read_bytes())
        for path in there
    }


@contextmanager
def a_directory() -> Iterator[Path]:
    """In memory where that is to be had: there a sync costs nothing."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as directory:
        yield Path(directory)


@contextmanager
def a_node(files: Files) -> Iterator[Node]:
    with a_directory() as directory:
        yield Node(directory, files)


@pytest.fixture
def memory() -> Iterator[Path]:
    with a_directory() as directory:
        yield directory


@pytest.fixture
def node(memory: Path) -> Node:
    return Node(memory, {CADDYFILE: File("old proxy"), RULES: File("old rules"), SIGNERS: File("signers")})


paths = st.sampled_from((CADDYFILE, RULES, TUNNEL, SERVICE, SIGNERS, DROP_IN, "/usr/local/lib/noc-node/parts-1/a/b.py"))
files = st.dictionaries(paths, st.builds(File, st.text(max_size=20), st.sampled_from((0o600, 0o644, 0o755))))


@given(files, files, files)
@settings(max_examples=60)
def test_undoing_what_was_applied_leaves_no_trace(before: Files, other: Files, wanted: Files) -> None:
    with a_node(before) as node:
        node.keep(Bundle(other))
        there = node.held()
        sha = node.change(Bundle(wanted))
        assert compare(node.layout, Bundle(wanted).hashes()) == []
        configuration.undo(node.layout, "r1")
        assert node.held() == there
        assert configuration.in_force(node.layout) == Bundle(other).sha256
        configuration.undo(node.layout, "r1")
        assert (node.held(), sha) == (there, Bundle(wanted).sha256)


@given(files, files)
@settings(max_examples=40)
def test_a_comparison_names_what_an_application_changes(before: Files, wanted: Files) -> None:
    with a_node(before) as node:
        differing = compare(node.layout, Bundle(wanted).hashes())
        assert sorted(differing) == sorted(path for path, file in wanted.items() if before.get(path) != file)
        node.keep(Bundle(wanted))
        assert compare(node.layout, Bundle(wanted).hashes()) == []


def test_a_file_of_another_mode_is_named(node: Node) -> None:
    wanted = Bundle({CADDYFILE: File("old proxy", 0o600)})
    assert compare(node.layout, wanted.hashes()) == [CADDYFILE]
    node.change(wanted)
    assert node.path(CADDYFILE).stat().st_mode & 0o777 == 0o600


def test_what_the_new_configuration_no_longer_has_is_named_and_removed(node: Node) -> None:
    node.keep(Bundle({CADDYFILE: File("proxy"), SIGNERS: File("signers")}))
    other = Bundle({CADDYFILE: File("proxy")})
    assert compare(node.layout, other.hashes()) == [SIGNERS]
    node.keep(other)
    assert not node.path(SIGNERS).exists()
    assert compare(node.layout, other.hashes()) == []


def test_the_activator_before_stays_for_sessions_that_began_with_it(node: Node) -> None:
    for number, word in enumerate(("oldest", "old", "new")):
        node.keep(Bundle(programs(word)))
        os.utime(node.path(f"/usr/local/lib/noc-node/parts-{word}"), (number, number))
    assert {path.name for path in node.path(LAUNCHER).parent.glob("parts-*")} == {"parts-old", "parts-new"}


def test_what_was_staged_and_is_changed_before_its_turn_is_not_applied(node: Node) -> None:
    sha = node.stage(Bundle({CADDYFILE: File("new")}))
    configuration.save(node.layout, "r1", sha)
    (node.root / f"var/lib/noc-node/configs/{sha}.json").write_text("{}")
    with pytest.raises(Unproven, match="is something else"):
        configuration.apply(node.layout, "r1", sha)


def test_what_is_as_wanted_is_left_alone_and_told_to_nobody(node: Node) -> None:
    inode = node.path(CADDYFILE).stat().st_ino
    node.change(Bundle({CADDYFILE: File("old proxy"), RULES: File("new rules")}))
    assert node.path(CADDYFILE).stat().st_ino == inode
    assert node.actions == ["firewall"]


def test_the_way_back_takes_the_actions_of_the_way_there(node: Node) -> None:
    node.change(Bundle({CADDYFILE: File("new"), RULES: File("new"), TUNNEL: File("new", 0o600), DROP_IN: File("new")}))
    there = node.actions
    assert there == ["units", "firewall", "tunnel", "proxy-unit", "proxy"]
    configuration.undo(node.layout, "r1")
    assert node.actions == there * 2


def test_while_the_system_starts_only_what_waits_for_no_unit_is_done(node: Node) -> None:
    node.change(Bundle({CADDYFILE: File("new"), RULES: File("new"), TUNNEL: File("new"), DROP_IN: File("new")}))
    node.log.unlink()
    configuration.undo_at_boot(node.layout, "r1")
    assert node.actions == ["units", "firewall"]
    assert node.path(CADDYFILE).read_text() == "old proxy"


@pytest.mark.parametrize(
    ("path", "actions"),
    [
        (SIGNERS, ()),
        (LAUNCHER, ()),
        (SERVICE, ("units",)),
        ("/etc/systemd/system/clavitor.socket", ("units", "socket")),
        ("/etc/systemd/system/wg-quick@wg0.service.d/userspace.conf", ("units", "tunnel")),
        ("/etc/noc-node/acme-root.pem", ("proxy",)),
        ("/etc/ssh/sshd_config.d/00-noc.conf", ("sshd",)),
    ],
)
def test_a_changed_file_calls_for_its_actions(path: str, actions: tuple[str, ...]) -> None:
    assert actions_for([path]) == actions


def test_an_action_that_fails_is_told_in_its_own_words(node: Node) -> None:
    node.layout.actions["proxy"] = ("sh", "-c", "echo 'line 3: unknown directive' >&2; exit 1")  # type: ignore[index]
    with pytest.raises(Unproven, match="proxy: line 3: unknown directive"):
        node.change(Bundle({CADDYFILE: File("new")}))


def test_the_way_back_goes_on_past_an_action_that_fails(node: Node) -> None:
    node.change(Bundle({CADDYFILE: File("new"), RULES: File("new")}))
    node.layout.actions["firewall"] = ("false",)  # type: ignore[index]
    with pytest.raises(Unproven, match="firewall: status 1"):
        configuration.undo(node.layout, "r1")
    assert node.actions[-1] == "proxy"
    assert node.path(RULES).read_text() == "old rules"


@pytest.mark.parametrize(
    "path",
    [
        "/etc/passwd",
        "/etc/clavitor/environment",
        "/etc/wireguard/wg0.key",
        "/etc/caddy/../passwd",
        "/etc/caddy//x",
        "/etc/caddy/.hidden",
        "/etc/caddy",
        "/etc/caddyfile",
        "etc/caddy/Caddyfile",
        "/etc/caddy/a\n/b",
        "/etc/caddy/a/b/c/d",
        "/var/lib/noc-node/pending.json",
    ],
)
def test_a_path_outside_our_places_is_refused(node: Node, path: str) -> None:
    sha = node.stage(Bundle({path: File("x")}))
    with pytest.raises(Refused, match="no place for a configuration"):
        configuration.save(node.layout, "r1", sha)
    with pytest.raises(Refused, match="no place for a configuration"):
        compare(node.layout, {path: "644 x"})


def test_a_link_in_the_way_is_not_followed(node: Node, memory: Path) -> None:
    (memory / "elsewhere").mkdir()
    node.path("/etc/caddy").rename(memory / "moved")
    node.path("/etc/caddy").symlink_to(memory / "elsewhere")
    sha = node.stage(Bundle({CADDYFILE: File("x")}))
    with pytest.raises(Refused, match="a link stands in the way"):
        configuration.save(node.layout, "r1", sha)
    assert list((memory / "elsewhere").iterdir()) == []


def test_a_file_that_is_a_link_differs_and_is_not_written_through(node: Node, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("x")
    node.path(SERVICE).parent.mkdir(parents=True)
    node.path(SERVICE).symlink_to(secret)
    bundle = Bundle({SERVICE: File("x")})
    assert compare(node.layout, bundle.hashes()) == [SERVICE]
    with pytest.raises(Refused, match="no regular file"):
        configuration.save(node.layout, "r1", node.stage(bundle))


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"[]",
        b'{"files": {}}',
        b'{"closure": "/tmp/x", "files": {}}',
        b'{"closure": null, "files": {"/etc/caddy/Caddyfile": {"mode": "4755", "text": ""}}}',
        b'{"closure": null, "files": {"/etc/caddy/Caddyfile": {"mode": "666", "text": ""}}}',
        b'{"closure": null, "files": {"/etc/caddy/Caddyfile": {"mode": "644"}}}',
        b'{"closure": null, "files": {"/etc/caddy/Caddyfile": {"mode": "644", "text": 7}}}',
        json.dumps({"closure": None, "files": {CADDYFILE: {"mode": "644", "text": "x" * (MAX_FILE + 1)}}}).encode(),
        json.dumps(
            {"closure": None, "files": {f"/etc/caddy/{n}": {"mode": "644", "text": ""} for n in range(300)}}
        ).encode(),
    ],
)
def test_what_is_no_bundle_is_refused_and_changes_nothing(node: Node, document: bytes) -> None:
    there, sha = node.held(), hashlib.sha256(document).hexdigest()
    (node.root / f"var/lib/noc-node/configs/{sha}.json").write_bytes(document)
    with pytest.raises(Refused) as refused:
        configuration.save(node.layout, "r1", sha)
    assert (refused.value.code, node.held()) == ("config", there)


def test_a_bundle_that_is_not_what_its_name_says_is_refused(node: Node) -> None:
    sha = node.stage(Bundle({CADDYFILE: File("x")}))
    (node.root / f"var/lib/noc-node/configs/{sha}.json").write_bytes(Bundle({CADDYFILE: File("y")}).content)
    with pytest.raises(Refused, match="is something else"):
        configuration.save(node.layout, "r1", sha)


def test_a_bundle_that_was_not_staged_is_refused(node: Node) -> None:
    with pytest.raises(Refused, match="is not on the node"):
        configuration.save(node.layout, "r1", "a" * 64)


def test_a_directory_that_was_made_goes_again_unless_something_lies_there(node: Node) -> None:
    node.change(Bundle({DROP_IN: File("x"), TUNNEL: File("x", 0o600)}))
    node.write("/etc/wireguard/wg0.key", "born here meanwhile")
    configuration.undo(node.layout, "r1")
    assert not node.path(DROP_IN).parent.exists()
    assert [path.name for path in node.path(TUNNEL).parent.iterdir()] == ["wg0.key"]


def test_only_a_few_staged_configurations_stay(node: Node) -> None:
    for number in range(8):
        sha = node.keep(Bundle({CADDYFILE: File(f"proxy {number}")}))
    staged = {path.stem for path in (node.root / "var/lib/noc-node/configs").iterdir()}
    assert len(staged) == configuration.KEEP_CONFIGS
    assert sha in staged


# Power cuts ---------------------------------------------------------------------------------------------------------

LIFE = """
import json, sys
from noc.hosts.node import configuration
from noc.hosts.node.layout import Layout
from noc.hosts.node.state import settle, write_json
layout = Layout(root=sys.argv[1], actions=json.loads(sys.argv[3]))
if "back" not in sys.argv:
    configuration.save(layout, "r1", sys.argv[2])
    write_json(layout, "pending.json", {"config_new": sys.argv[2]})
    configuration.apply(layout, "r1", sys.argv[2])
    write_json(layout, "answers/r1.json", {"answer": "confirm"})
    configuration.keep(layout, sys.argv[2])
else:
    configuration.undo(layout, "r1")
settle(layout)
configuration.forget(layout)
"""


def programs(word: str) -> dict[str, File]:
    """A launcher, and the parts that it names."""
    parts = f"/usr/local/lib/noc-node/parts-{word}"
    return {f"{parts}/noc_node/{name}.py": File(f"{name} {word}") for name in "ab"} | {LAUNCHER: File(parts)}


BEFORE = {CADDYFILE: File("old proxy"), SERVICE: File("old unit"), SIGNERS: File("gone soon"), **programs("old")}
AFTER = {CADDYFILE: File("new proxy"), SERVICE: File("new unit", 0o600), DROP_IN: File("drop-in"), **programs("new")}


def launches(root: Path) -> bool:
    """Whether the launcher finds all the parts that it names."""
    word = (root / LAUNCHER[1:]).read_text().rpartition("parts-")[2]
    wanted = {path: file.text for path, file in programs(word).items()}
    return all((root / path[1:]).is_file() and (root / path[1:]).read_text() == text for path, text in wanted.items())


@pytest.mark.skipif(not shutil.which("strace"), reason="strace is not here")
@pytest.mark.parametrize("way", ["there", "back"])
def test_a_power_cut_at_any_moment_leaves_the_old_or_the_new(memory: Path, way: str) -> None:
    node = Node(memory / "root", {})
    node.layout = Layout(root=str(node.root), actions=dict.fromkeys(ACTIONS, ("true",)))
    node.keep(Bundle(BEFORE))
    old = node.held()
    sha = node.stage(Bundle(AFTER))
    if way == "back":
        configuration.save(node.layout, "r1", sha)
        write_json(node.layout, "pending.json", {"config_new": sha})
        configuration.apply(node.layout, "r1", sha)
    shutil.copytree(node.root, memory / "beginning")
    calls = trace(LIFE, [str(node.root), sha, json.dumps(dict(node.layout.actions)), way], memory / "trace")
    new = held(node.root)
    shutil.rmtree(node.root)
    (memory / "beginning").rename(node.root)
    cuts = 0
    for disk in moments(node.root, calls):
        for arrived in Arrived:
            cuts += 1
            image = memory / "image"
            disk.image(arrived, image)
            assert launches(image), (cuts, arrived)
            wanted = new if after_boot(image, sha) else old
            assert without_parts(held(image)) == without_parts(wanted), (cuts, arrived)
            assert launches(image), (cuts, arrived)
    assert cuts > 60


def after_boot(root: Path, sha: str) -> bool:
    """Do what `settle` does; whether the new configuration is to be in force then."""
    layout = Layout(root=str(root), actions=dict.fromkeys(ACTIONS, ("true",)))
    if layout.state("pending.json").exists():
        if layout.state("answers/r1.json").exists():
            configuration.keep(layout, sha)
        else:
            configuration.undo_at_boot(layout, "r1")
    return configuration.in_force(layout) == sha


def without_parts(tree: dict[str, Any]) -> dict[str, Any]:
    """Parts that no launcher names are nobody's, and are removed when the next configuration is kept."""
    return {path: found for path, found in tree.items() if "/parts-" not in path}


# NixOS --------------------------------------------------------------------------------------------------------------

SWITCH = """#!/bin/sh
echo "$1 $0" >>{log}
[ "$1" != test ] || ln -sfn {system} {root}/run/current-system
"""


def system(node: Node, name: str) -> str:
    path = f"/nix/store/{'0' * 32}-{name}"
    node.write(f"{path}/bin/switch-to-configuration", "", 0o755)
    script = SWITCH.format(log=node.log, system=node.path(path), root=node.root)
    node.write(f"{path}/bin/switch-to-configuration", script, 0o755)
    return path


@pytest.fixture
def nixos(node: Node) -> Node:
    node.path("/run").mkdir()
    node.path("/nix/var/nix/profiles").mkdir(parents=True)
    for link in ("/run/current-system", "/nix/var/nix/profiles/system"):
        node.path(link).symlink_to(node.path(system(node, "old")))
    profile = ("ln", "-sfn", "{system}", str(node.path("/nix/var/nix/profiles/system")))
    switch = ("system-test", "system-boot")
    commands = {name: argv for name, argv in ACTIONS.items() if name in switch}
    node.layout = Layout(root=str(node.root), actions={**node.layout.actions, **commands, "system-profile": profile})
    return node


def leads(node: Node, link: str) -> str:
    return node.path(link).resolve().name[33:]


def test_a_closure_is_tried_and_put_back(nixos: Node) -> None:
    bundle = Bundle({SIGNERS: File("new")}, system(nixos, "new"))
    assert set(compare(nixos.layout, bundle.hashes())) == {
        SIGNERS,
        "/run/current-system",
        "/nix/var/nix/profiles/system",
    }
    nixos.change(bundle)
    assert (leads(nixos, "/run/current-system"), leads(nixos, "/nix/var/nix/profiles/system")) == ("new", "old")
    configuration.undo(nixos.layout, "r1")
    assert (leads(nixos, "/run/current-system"), nixos.path(SIGNERS).read_text()) == ("old", "signers")


def test_a_closure_that_is_kept_boots(nixos: Node) -> None:
    bundle = Bundle({SIGNERS: File("new")}, system(nixos, "new"))
    nixos.keep(bundle)
    assert compare(nixos.layout, bundle.hashes()) == []
    assert [line.split()[0] for line in nixos.log.read_text().splitlines()[-2:]] == ["boot", "system-prune"]


def test_generations_are_pruned_only_once_the_new_one_boots_and_none_fails_for_that(nixos: Node) -> None:
    nixos.layout.actions["system-prune"] = ("sh", "-c", f"echo pruned >>{nixos.log}; exit 1")  # type: ignore[index]
    bundle = Bundle({}, system(nixos, "new"))
    nixos.change(bundle)
    assert "pruned" not in nixos.log.read_text()
    configuration.keep(nixos.layout, bundle.sha256)
    assert nixos.log.read_text().split()[-1] == "pruned"


@pytest.mark.parametrize(
    ("status", "said", "words"),
    [
        (4, "warning: the following units failed: caddy.service", "units failed to start: caddy.service"),
        (100, "Warning: no effect until you reboot", "it can only be booted into"),
        (2, "Activation script snippet 'users' failed", "the system's activation script failed"),
    ],
)
def test_why_a_system_could_not_be_switched_to_is_said(nixos: Node, status: int, said: str, words: str) -> None:
    bundle = Bundle({}, system(nixos, "new"))
    script = f"#!/bin/sh\necho {said!r} >&2\nseq 400 >&2\nexit {status}\n".replace("'", '"')
    nixos.write(f"{bundle.closure}/bin/switch-to-configuration", script, 0o755)
    with pytest.raises(Unproven, match=words):
        nixos.change(bundle)
    assert leads(nixos, "/nix/var/nix/profiles/system") == "old"


def parts(node: Node, name: str, **leading: str) -> str:
    path = system(node, name)
    for part, target in leading.items():
        node.path(f"{path}/{part.replace('_', '-')}").symlink_to(f"/nix/store/{target}")
    return path


def test_a_reboot_is_due_where_what_boots_next_has_another_kernel(nixos: Node) -> None:
    running = parts(nixos, "old", kernel="linux-6.1", initrd="initrd-1", kernel_modules="modules-6.1")
    nixos.path("/run/booted-system").symlink_to(nixos.path(running))
    assert boot.due(nixos.layout) == []
    new = parts(nixos, "new", kernel="linux-6.2", initrd="initrd-1", kernel_modules="modules-6.2")
    nixos.keep(Bundle({}, new))
    assert boot.due(nixos.layout) == ["kernel", "kernel-modules"]


def test_packages_ask_for_a_reboot_until_there_was_one(node: Node) -> None:
    write_json(node.layout, "system.json", {"reboot": ["linux-image"], "boot_id": boot.boot_id()})
    assert boot.due(node.layout) == ["linux-image"]
    write_json(node.layout, "system.json", {"reboot": ["linux-image"], "boot_id": "before"})
    assert boot.due(node.layout) == []


def test_a_system_that_was_confirmed_and_not_kept_when_the_power_went_does_not_run(nixos: Node) -> None:
    bundle = Bundle({}, system(nixos, "new"))
    nixos.stage(bundle)
    assert not configuration.runs(nixos.layout, bundle.sha256)
    nixos.change(bundle)
    assert configuration.runs(nixos.layout, bundle.sha256)


def test_a_closure_that_the_store_has_not_got_is_refused(nixos: Node) -> None:
    sha = nixos.stage(Bundle({}, f"/nix/store/{'1' * 32}-absent"))
    with pytest.raises(Refused, match="is not in the node's store"):
        configuration.save(nixos.layout, "r1", sha)


def test_the_programs_of_a_node_have_a_place_in_its_configuration(node: Node) -> None:
    node.change(Bundle({path: File(text) for path, text in node_programs().items()}))
    assert node.path(LAUNCHER).exists()
