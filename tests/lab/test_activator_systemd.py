"""The activator on a real host: systemd, its journal, its power, its disk; asked over SSH as HQ asks."""

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from lab_road import Road
from noc.hosts.activation import RELEASES, Activator, Order, Verdict
from noc.hosts.debian import Debian
from noc.hosts.errors import ActivationRefused, DiskFull
from noc.hosts.platform import NodeConfig
from noc.hosts.shell import Shell
from noc.hosts.ssh import Pinned
from noc.hosts.trust import generate_key
from noc.lab.lab import Lab
from noc.lab.places import Places
from node_tree import make_key, make_release, sign_release

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
        number = changes.pop("build", None) or next(_builds)
        return make_release(self.releases, number, behaviour, signer=self.signer, **changes)

    def order(self, release: Path, *, confirm: float = 30, health: float = 5, **more: Any) -> Order:
        order = Order(f"run-{release.name[:12]}", 1, release.name, None, confirm, health)
        return replace(order, **more)

    async def begin(self, release: Path, **more: Any) -> str:
        """Stage and start; the run's id."""
        order = self.order(release, **more)
        await self.activator.stage(release)
        await self.activator.start(order)
        return order.run

    async def arm(self, release: Path, **more: Any) -> str:
        """Stage and arm; the run's id."""
        order = self.order(release, **more)
        await self.activator.stage(release)
        await self.activator.arm(order)
        return order.run

    async def reach(self, run: str, *states: str) -> Verdict:
        known = "staged"
        async with asyncio.timeout(60):
            while True:
                verdict = await self.activator.status(run, 10, known)
                known = verdict.state
                if known in states or verdict.final:
                    assert known in states, verdict
                    return verdict

    async def prove(self, release: Path, **more: Any) -> Verdict:
        run = await self.begin(release, **more)
        await self.reach(run, "activated")
        return await self.activator.confirm(run)

    async def version(self) -> str:
        script = (
            "import urllib.request as r; print(r.urlopen('http://127.0.0.1:8080/health', timeout=5).read().decode())"
        )
        return (await self.shell.run("python3", "-c", script)).stdout

    async def power_cut(self) -> None:
        """Take its power, start it again, and reach it."""
        await asyncio.to_thread(self.lab.kill, NAME)
        await asyncio.to_thread(self.lab.boot, NAME)
        await self.reconnect()

    async def python(self, program: str) -> str:
        return (await self.shell.run("python3", "-c", program)).stdout.strip()

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
        ("sick", "sick since its first answer: it answers 500"),
        ("old-version", "it answers as version 1.0.0 build 1"),
        ("crash-after-3", "killed by SIGKILL"),
    ],
)
async def test_a_bad_release_is_taken_back(node: Node, behaviour: str, why: str) -> None:
    before = await node.activator.facts()
    verdict = await node.reach(await node.begin(node.build(behaviour), health=5), "rolled-back", "activated")
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
    await node.power_cut()
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
    with pytest.raises(ActivationRefused, match="unsigned"):
        await node.activator.arm(node.order(release))
    verdict = await node.activator.status(node.order(release).run)
    assert (verdict.state, verdict.reason.partition(": ")[0]) == ("refused", "unsigned")
    assert (await node.activator.facts()).current == before


async def test_a_disk_without_room_for_the_release_is_told_with_numbers(node: Node) -> None:
    release = node.build(size=3_000_000)
    await _small_disk(node.shell, f"{RELEASES}/{release.name}")
    with pytest.raises(DiskFull, match=r"virginia has no room for .*: 3000000 bytes, and 1040384 are free"):
        await node.activator.stage(release)
    await node.shell.run("umount", f"{RELEASES}/{release.name}")


async def test_a_disk_without_room_for_the_snapshot_refuses_before_anything_changes(node: Node) -> None:
    release, before = node.build(), (await node.activator.facts()).current
    await node.activator.stage(release)
    await _small_disk(node.shell, "/var/lib/noc-node/snapshots")
    with pytest.raises(ActivationRefused, match="disk"):
        await node.activator.start(node.order(release))
    await node.shell.run("umount", "/var/lib/noc-node/snapshots")
    assert (await node.activator.facts()).current == before


async def _small_disk(shell: Shell, path: str) -> None:
    await shell.run("mkdir", "-p", path)
    await shell.run("mount", "-t", "tmpfs", "-o", "size=1m", "none", path)


async def test_a_lower_fence_is_refused(node: Node) -> None:
    await node.activator.fence(5)
    with pytest.raises(ActivationRefused, match="fence"):
        await node.begin(node.build(), fence=4)
    assert (await node.prove(node.build(), fence=5)).state == "confirmed"
    await node.shell.run("rm", "/var/lib/noc-node/fence")


async def test_a_younger_fence_ends_what_is_armed(node: Node) -> None:
    before = (await node.activator.facts()).current
    run = await node.arm(node.build())
    await node.activator.fence(6)
    assert (await node.reach(run, "refused")).reason.startswith("fence: ")
    assert (await node.activator.facts()).current == before
    await node.shell.run("rm", "/var/lib/noc-node/fence")


async def test_what_is_armed_outlives_the_connection_and_begins_at_its_go(node: Node) -> None:
    release = node.build()
    run = await node.arm(release)
    await node.shell.close()
    await node.reconnect()
    assert (await node.activator.status(run)).state == "armed"
    await node.activator.go(run)
    verdict = await node.reach(run, "activated")
    assert verdict.restart_s is not None
    assert (await node.activator.confirm(run)).state == "confirmed"


async def test_without_its_go_what_is_armed_ends_as_refused(node: Node) -> None:
    before = (await node.activator.facts()).current
    run = await node.arm(node.build(), go_within_s=1)
    assert (await node.reach(run, "refused")).reason.startswith("late: ")
    assert (await node.activator.facts()).current == before


async def test_an_armed_activator_that_is_killed_is_refused_by_systemd(node: Node) -> None:
    before = (await node.activator.facts()).current
    run = await node.arm(node.build())
    await node.shell.run("systemctl", "kill", "--signal=KILL", f"noc-activate-{run}.service")
    assert "before it had changed anything" in (await node.reach(run, "refused")).reason
    assert (await node.activator.facts()).current == before


async def test_an_activator_that_is_stopped_is_finished_by_systemd(node: Node) -> None:
    run = await node.begin(node.build())
    await node.reach(run, "activated")
    await node.shell.run("systemctl", "stop", f"noc-activate-{run}.service")
    assert "ended before HQ had confirmed" in (await node.reach(run, "rolled-back")).reason


async def test_a_power_cut_while_armed_changes_nothing(node: Node) -> None:
    before = await node.activator.facts()
    run = await node.arm(node.build())
    await node.power_cut()
    with pytest.raises(ActivationRefused, match="ended"):
        await node.activator.go(run)
    after = await node.activator.facts()
    assert (after.current, after.pending) == (before.current, None)
    assert f'"version": "{before.version}"' in await node.version()


@pytest.mark.parametrize(
    ("changes", "code"),
    [({"expires": "2020-01-01T00:00:00Z"}, "expired"), ({"build": 1, "size": 9000}, "old")],
    ids=["expired", "build"],
)
async def test_a_release_whose_time_is_over_is_refused_before_it_is_armed(
    node: Node, changes: dict[str, Any], code: str
) -> None:
    before = (await node.activator.facts()).current
    with pytest.raises(ActivationRefused, match=code):
        await node.arm(node.build(**changes))
    assert (await node.activator.facts()).current == before


async def test_an_expired_release_may_return_where_it_was_proven_and_nowhere_else(node: Node) -> None:
    proven, other = node.build(), node.build()
    await node.prove(proven)
    await node.prove(other)
    document = json.loads((proven / "manifest.json").read_text())
    (proven / "manifest.json").write_text(json.dumps(document | {"expires": "2020-01-01T00:00:00Z"}))
    sign_release(proven, node.signer)
    await node.shell.run("cp", "/var/lib/noc-node/proven.json", "/root/proven.json")
    await node.shell.run("sh", "-c", "echo '[]' >/var/lib/noc-node/proven.json")
    with pytest.raises(ActivationRefused, match="expired"):
        await node.arm(proven)
    await node.shell.run("mv", "/root/proven.json", "/var/lib/noc-node/proven.json")
    assert (await node.prove(proven)).state == "confirmed"


_MAKE = """
import sqlite3
database = sqlite3.connect("/var/lib/clavitor/clavitor.db")
database.execute("PRAGMA journal_mode=WAL")
database.execute("CREATE TABLE IF NOT EXISTS entries (value TEXT)")
database.execute("DELETE FROM entries")
database.execute("INSERT INTO entries VALUES ('kept')")
database.commit()
"""
_WRITE = """
import sqlite3
database = sqlite3.connect("/var/lib/clavitor/clavitor.db")
database.execute("INSERT INTO entries VALUES ('since')")
database.commit()
"""
_COUNT = """
import sqlite3
print(*(row[0] for row in sqlite3.connect("/var/lib/clavitor/clavitor.db").execute("SELECT value FROM entries")))
"""


async def test_data_go_back_when_that_is_asked_for_and_the_loss_is_named(node: Node) -> None:
    await node.python(_MAKE)
    await node.shell.run("chown", "-R", "clavitor:", "/var/lib/clavitor")
    run = await node.begin(node.build())
    await node.reach(run, "activated")
    await node.python(_WRITE)
    verdict = await node.activator.revert(run, "the data are wrong", restore_data=True)
    assert (verdict.state, await node.python(_COUNT)) == ("rolled-back", "kept")
    assert verdict.loss is not None
    assert verdict.loss.rows == {"entries": 1}
    owner = await node.shell.run("stat", "-c", "%U %a", "/var/lib/clavitor/clavitor.db")
    assert owner.stdout.split()[0] == "clavitor"


async def test_a_power_cut_in_a_rollback_with_data_comes_to_the_same(node: Node) -> None:
    before = await node.activator.facts()
    await node.python(_MAKE)
    run = await node.begin(node.build(), restore_data=True)
    await node.reach(run, "activated")
    await node.python(_WRITE)
    await node.power_cut()
    verdict = await node.reach(run, "rolled-back")
    assert (await node.python(_COUNT), verdict.loss is not None) == ("kept", True)
    assert f'"version": "{before.version}"' in await node.version()


async def test_a_transfer_that_was_cut_goes_on_where_it_was(node: Node) -> None:
    release = node.build(size=30_000_000)
    part = f"{RELEASES}/{release.name}/clavitor.pyz.part"
    watcher = await node.road.connect(NAME, node.lab.address(NAME), Pinned(node.lab.host_key(NAME)))
    sending = asyncio.create_task(node.activator.stage(release))
    arrived = f'until [ "$(stat -c %s {part} 2>/dev/null || echo 0)" -gt 1000000 ]; do :; done'
    await watcher.run("sh", "-c", arrived)
    await watcher.close()
    sending.cancel()
    await asyncio.gather(sending, return_exceptions=True)
    await node.shell.close()
    await node.reconnect()
    assert await node.activator.stage(release) < 29_000_000
    assert (await node.activator.verify(release.name)).ok


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
