"""The activator on a real host: systemd, its journal, its power, its disk; asked over SSH as HQ asks."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from lab_road import Road
from noc.hosts.activation import RELEASES, Activator, Verdict
from noc.hosts.debian import Debian
from noc.hosts.errors import ActivationRefused, DiskFull
from noc.hosts.platform import NodeConfig
from noc.hosts.shell import Shell
from noc.hosts.ssh import Pinned
from noc.hosts.trust import generate_key
from noc.lab.lab import Lab
from noc.lab.places import Places
from node_tree import make_key, make_release

NAME = "virginia"
CONFIG = NodeConfig(
    name=NAME,
    hostname="virginia.clavitor.com",
    aliases=(),
    tunnel_address="10.84.0.11",
    wireguard="",
    hub_tunnel_address="10.84.0.1",
    acme_ca="https://acme.invalid/directory",
    acme_ca_root=None,
    acme_email="",
    signers="",
    push_interval_s=30,
)
RECEIVER = """
import http.server
class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        print(self.path, flush=True)
        self.send_response(200)
        self.end_headers()
http.server.HTTPServer(("127.0.0.1", 8084), Handler).serve_forever()
"""
_builds = itertools.count(1)


@dataclass
class Node:
    """The node, over one connection, and a place where releases are made."""

    lab: Lab
    shell: Shell
    road: Road
    releases: Path
    signer: Path
    activator: Activator = field(init=False)

    def __post_init__(self) -> None:
        self.activator = Activator(self.shell)

    def build(self, behaviour: str = "ok", **changes: Any) -> Path:
        return make_release(self.releases, next(_builds), behaviour, signer=self.signer, **changes)

    async def begin(self, release: Path, *, confirm: float = 30, health: float = 5) -> str:
        """Stage and start; the run's id."""
        run = f"run-{release.name[:12]}"
        await self.activator.stage(release)
        await self.activator.start(release.name, run, 1, confirm, health)
        return run

    async def reach(self, run: str, *states: str) -> Verdict:
        known = "staged"
        async with asyncio.timeout(60):
            while True:
                verdict = await self.activator.status(run, 10, known)
                known = verdict.state
                if known in states or verdict.final:
                    assert known in states, verdict
                    return verdict

    async def prove(self, release: Path) -> Verdict:
        run = await self.begin(release)
        await self.reach(run, "activated")
        return await self.activator.confirm(run)

    async def version(self) -> str:
        script = (
            "import urllib.request as r; print(r.urlopen('http://127.0.0.1:8080/health', timeout=5).read().decode())"
        )
        return (await self.shell.run("python3", "-c", script)).stdout

    async def reconnect(self) -> None:
        await self.shell.close()
        trust = Pinned(self.lab.host_key(NAME))
        self.shell = await self.road.connect(NAME, self.lab.address(NAME), trust)
        self.activator = Activator(self.shell)


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("activator")
    (directory / "releases").mkdir()
    make_key(directory, "signer")
    key = generate_key("hq")
    (directory / "hq").touch(mode=0o600)
    (directory / "hq").write_bytes(key.private)
    (directory / "hq.pub").write_text(key.public)
    return directory


@pytest.fixture(scope="module")
def machine(work: Path) -> Iterator[Lab]:
    """One warm machine, made a node in all but its tunnel."""
    lab = Lab(Places(state=work / "lab", cache=Places.default().cache))
    lab.up([NAME], authorized_keys=[(work / "hq.pub").read_text()])
    try:
        asyncio.run(_prepare(lab, work))
        yield lab
    finally:
        lab.down()


async def _prepare(lab: Lab, work: Path) -> None:
    road = Road(lab, work / "hq")
    shell, debian = await road.connect(NAME, lab.address(NAME), Pinned(lab.host_key(NAME))), Debian()
    await debian.packages(shell)
    await debian.units(shell, CONFIG)
    signers = f"release@example.com {(work / 'signer.pub').read_text()}"
    await shell.put(signers.encode(), "/etc/noc-node/signers")
    await debian.environment(
        shell,
        {"CLAVITOR_DB": "/var/lib/clavitor/clavitor.db", "KUMA_PUSH_URL": "http://127.0.0.1:8084/api/push/secret"},
    )
    await shell.put(RECEIVER.encode(), "/root/receiver.py")
    await shell.close()
    road.close()


@pytest.fixture
async def node(machine: Lab, work: Path) -> AsyncIterator[Node]:
    """The node, running a release that it has proven."""
    road = Road(machine, work / "hq")
    shell = await road.connect(NAME, machine.address(NAME), Pinned(machine.host_key(NAME)))
    node = Node(machine, shell, road, work / "releases", work / "signer")
    assert (await node.prove(node.build())).state == "confirmed"
    yield node
    await node.shell.close()
    road.close()


async def test_a_release_that_is_confirmed_stays(node: Node) -> None:
    release = node.build()
    verdict = await node.prove(release)
    facts = await node.activator.facts()
    assert (verdict.state, facts.current, facts.proven[-1], facts.pending) == (
        "confirmed",
        release.name,
        release.name,
        None,
    )


async def test_a_release_that_is_there_is_not_sent_again(node: Node) -> None:
    release = node.build()
    assert await node.activator.stage(release) > 0
    assert await node.activator.stage(release) == 0


@pytest.mark.parametrize(
    ("behaviour", "why"),
    [
        ("crash", "ended with status 3"),
        ("sick", "not healthy within 2 s: it answers 500"),
        ("old-version", "it answers as version 1.0.0 build 1"),
        ("crash-after-3", "killed by SIGKILL"),
    ],
)
async def test_a_bad_release_is_taken_back(node: Node, behaviour: str, why: str) -> None:
    before = await node.activator.facts()
    verdict = await node.reach(await node.begin(node.build(behaviour), health=2), "rolled-back", "activated")
    if verdict.state == "activated":
        verdict = await node.reach(verdict.run, "rolled-back")
    assert why in verdict.reason
    assert (await node.activator.facts()).current == before.current
    assert f'"version": "{before.version}"' in await node.version()


async def test_the_last_words_of_a_bad_release_reach_hq(node: Node) -> None:
    verdict = await node.reach(await node.begin(node.build("crash")), "rolled-back")
    assert any("cannot start:  [31mno reason" in line for line in verdict.log)


async def test_without_a_confirmation_the_old_release_returns(node: Node) -> None:
    before = (await node.activator.facts()).current
    run = await node.begin(node.build(), confirm=1)
    await node.shell.close()
    await node.reconnect()
    assert "did not confirm" in (await node.reach(run, "rolled-back")).reason
    assert (await node.activator.facts()).current == before


async def test_an_activator_that_is_killed_is_finished_by_systemd(node: Node) -> None:
    run = await node.begin(node.build())
    await node.reach(run, "activated")
    await node.shell.run("systemctl", "kill", "--signal=KILL", f"noc-activate-{run}.service")
    assert "ended before HQ had confirmed" in (await node.reach(run, "rolled-back")).reason


async def test_a_power_cut_between_flip_and_confirmation_turns_back(node: Node) -> None:
    before = await node.activator.facts()
    run = await node.begin(node.build())
    await node.reach(run, "activated")
    await asyncio.to_thread(node.lab.kill, NAME)
    await asyncio.to_thread(node.lab.boot, NAME)
    await node.reconnect()
    assert "restarted before HQ had confirmed" in (await node.reach(run, "rolled-back")).reason
    assert f'"version": "{before.version}"' in await node.version()


async def test_a_flipped_byte_is_refused_and_staging_heals_it(node: Node) -> None:
    release = node.build()
    await node.activator.stage(release)
    await node.shell.run("sed", "-i", "1s/^$/#/", f"{RELEASES}/{release.name}/clavitor.pyz")
    assert (await node.activator.verify(release.name)).code == "content"
    assert await node.activator.stage(release) == (release / "clavitor.pyz").stat().st_size
    assert (await node.activator.verify(release.name)).ok


async def test_an_unsigned_release_is_refused(node: Node) -> None:
    release, before = node.build(), (await node.activator.facts()).current
    await node.activator.stage(release)
    await node.shell.run("rm", f"{RELEASES}/{release.name}/manifest.json.sig")
    await node.activator.start(release.name, "unsigned", 1, 5, 5)
    verdict = await node.reach("unsigned", "refused")
    assert verdict.reason.startswith("unsigned: ")
    assert (await node.activator.facts()).current == before


async def test_a_disk_without_room_for_the_release_is_told_with_numbers(node: Node) -> None:
    release = node.build(size=3_000_000)
    await _small_disk(node.shell, f"{RELEASES}/{release.name}")
    with pytest.raises(DiskFull, match=r"virginia has no room for .*: 3000000 bytes, and 1048576 are free"):
        await node.activator.stage(release)
    await node.shell.run("umount", f"{RELEASES}/{release.name}")


async def test_a_disk_without_room_for_the_snapshot_refuses_before_anything_changes(node: Node) -> None:
    release, before = node.build(), (await node.activator.facts()).current
    await node.activator.stage(release)
    await _small_disk(node.shell, "/var/lib/noc-node/snapshots")
    with pytest.raises(ActivationRefused, match="disk"):
        await node.activator.start(release.name, "full", 1, 5, 5)
    await node.shell.run("umount", "/var/lib/noc-node/snapshots")
    assert (await node.activator.facts()).current == before


async def _small_disk(shell: Shell, path: str) -> None:
    await shell.run("mkdir", "-p", path)
    await shell.run("mount", "-t", "tmpfs", "-o", "size=1m", "none", path)


async def test_a_lower_fence_is_refused(node: Node) -> None:
    release = node.build()
    await node.activator.stage(release)
    await node.activator.start(release.name, "higher", 1, 5, 5)
    await node.reach("higher", "activated")
    await node.activator.confirm("higher")
    with pytest.raises(ActivationRefused, match="fence"):
        await node.activator.start(release.name, "lower", 0, 5, 5)


async def _until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(15):
        while not await condition():  # noqa: ASYNC110 - it is another machine that is waited for
            await asyncio.sleep(0.05)


@pytest.fixture
async def receiver(node: Node) -> AsyncIterator[Callable[[], Awaitable[str]]]:
    """What stands at the push URL; gives all that it has received."""
    unit = f"receiver-{next(_builds)}"
    await node.shell.run("systemd-run", "--quiet", f"--unit={unit}", "python3", "/root/receiver.py")
    port_is_open = "until python3 -c 'import socket; socket.create_connection((\"127.0.0.1\", 8084))'; do :; done"
    await node.shell.run("sh", "-c", port_is_open)

    async def received() -> str:
        return (await node.shell.run("journalctl", "-u", unit, "-o", "cat", "--no-pager")).stdout

    yield received
    await node.shell.run("systemctl", "stop", unit)


async def test_a_death_is_pushed_with_its_signal(node: Node, receiver: Callable[[], Awaitable[str]]) -> None:
    await node.shell.run("systemctl", "kill", "--signal=KILL", "clavitor.service")

    async def told() -> bool:
        return "/api/push/secret?status=down&msg=killed-KILL&boot=" in await receiver()

    await _until(told)


async def test_a_clean_stop_is_not_pushed(node: Node, receiver: Callable[[], Awaitable[str]]) -> None:
    await node.shell.run("systemctl", "restart", "clavitor.service")
    downs = await node.shell.run("systemctl", "list-units", "--all", "--no-legend", "clavitor-down@*")
    assert (downs.stdout.strip(), "status=down" in await receiver()) == ("", False)


async def test_a_death_that_cannot_be_pushed_is_logged_without_the_token(node: Node) -> None:
    await node.shell.run("systemctl", "kill", "--signal=ABRT", "clavitor.service")

    async def given_up() -> bool:
        said = await node.shell.run("journalctl", "-u", "clavitor-down@*", "-o", "cat", "--no-pager")
        return "could not be told to HQ" in said.stdout

    await _until(given_up)
    await node.shell.run("systemctl", "reset-failed")
    said = await node.shell.run("journalctl", "-u", "clavitor*", "-o", "cat", "--no-pager")
    assert "api/push/secret" not in said.stdout
