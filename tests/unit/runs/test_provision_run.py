"""Provisioning over machines behind the seam of Shell, Platform and Activator; see runs_kit."""

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from ipaddress import IPv4Address

import pytest

import runs_kit
from noc.fleet.inventory import Life, load_inventory
from noc.fleet.model import Fleet
from noc.hosts.trust import VALIDITY, generate_key, renewal_due, sign_host
from noc.runs.paths import Paths
from noc.runs.plan.plan import Options
from noc.runs.plan.planners import plan_provision
from noc.runs.provision.provision import provision
from noc.runs.record.events import Verdict
from noc.runs.record.run import Run
from runs_kit import (
    FINGERPRINT,
    HUB_CA,
    NEW,
    NOW,
    Machine,
    World,
    begin_run,
    make_site,
    manifest,
    steps_of,
    write_fleet,
)

pytestmark = pytest.mark.usefixtures("hub")

STEPS = [
    "contact",
    "facts",
    "name",
    "packages",
    "host-key",
    "tunnel-key",
    "tunnel",
    "handshake",
    "tunnel-ssh",
    "escrow",
    "units",
    "environment",
    "firewall",
    "release",
    "certificate",
    "health",
    "live",
]


@pytest.fixture
def world(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """Machines as a provider hands them over."""
    for name in world.machines:
        world.machines[name] = Machine(name, current=None)
    monkeypatch.setattr(runs_kit, "HOST_PUBLIC", generate_key("node").public)
    return world


@pytest.fixture
async def hub(paths: Paths, world: World) -> AsyncIterator[None]:
    """HQ's host CA, and its tunnel's counters: a handshake of every node whose tunnel is up."""
    write_fleet(paths.fleet)
    key = paths.credentials / "host_ca"
    key.write_bytes(HUB_CA.private)
    key.chmod(0o600)

    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for name, record in load_inventory(paths.fleet).nodes.items():
            machine = world.machines[name]
            up = machine.handshakes and "tunnel" in machine.installed
            if record.wireguard_key:
                writer.write(f"{record.wireguard_key}\t{time.time() if up else 0:.0f}\n".encode())
        writer.close()

    server = await asyncio.start_unix_server(answer, paths.tunnels_socket)
    yield
    server.close()


def prepare(paths: Paths, fleet: Fleet, world: World, *names: str, host_key: str | None = FINGERPRINT) -> Run:
    site = make_site(paths, fleet, world)
    options = Options(
        address={name: IPv4Address("192.0.2.7") for name in names},
        host_key=dict.fromkeys(names, host_key) if host_key else {},
    )
    plan = plan_provision(fleet, site.book.inventory, [manifest()], names, NOW, options=options)
    return begin_run(paths, plan)


async def provisioned(
    paths: Paths, fleet: Fleet, world: World, *names: str, host_key: str | None = FINGERPRINT
) -> tuple[list[Verdict], Run]:
    run = prepare(paths, fleet, world, *names, host_key=host_key)
    return await provision(run, make_site(paths, fleet, world)), run


async def test_a_fresh_machine_becomes_a_live_node(paths: Paths, fleet: Fleet, world: World) -> None:
    verdicts, run = await provisioned(paths, fleet, world, "frankfurt")
    assert [(verdict.before, verdict.now, verdict.verdict) for verdict in verdicts] == [
        ("planned", "live 1.1.0 (2)", "live")
    ]
    assert steps_of(run, "frankfurt") == [(step, state) for step in STEPS for state in ("started", "ok")]


async def test_what_was_installed_is_the_configuration_in_force(paths: Paths, fleet: Fleet, world: World) -> None:
    await provisioned(paths, fleet, world, "frankfurt")
    machine = world.machines["frankfurt"]
    assert machine.orders[0].config == machine.config
    assert machine.configs == {machine.config}


async def test_what_was_learnt_is_written_down_and_nothing_secret_with_it(
    paths: Paths, fleet: Fleet, world: World
) -> None:
    await provisioned(paths, fleet, world, "frankfurt")
    record = load_inventory(paths.fleet).record("frankfurt")
    assert (record.life, record.release, record.host_key) == (Life.LIVE, NEW, None)
    assert record.wireguard_key
    assert record.wireguard_key in (paths.fleet / "wireguard" / "peers.conf").read_text()
    token = world.machines["frankfurt"].environment.split("/api/push/")[1].splitlines()[0]
    written = [path for path in (*paths.fleet.rglob("*"), *paths.runs.rglob("*")) if path.is_file()]
    assert not [path for path in written if token in path.read_bytes().decode(errors="replace")]


async def test_given_again_it_changes_nothing_and_says_so(paths: Paths, fleet: Fleet, world: World) -> None:
    await provisioned(paths, fleet, world, "frankfurt")
    environment, inventory = world.machines["frankfurt"].environment, load_inventory(paths.fleet)
    verdicts, run = await provisioned(paths, fleet, world, "frankfurt")
    assert verdicts[0].verdict == "unchanged"
    assert not [event for event in run.events if event.detail.get("changed")]
    assert (world.machines["frankfurt"].environment, load_inventory(paths.fleet)) == (environment, inventory)


async def test_the_firewall_is_confirmed_through_the_tunnel_alone(paths: Paths, fleet: Fleet, world: World) -> None:
    await provisioned(paths, fleet, world, "frankfurt")
    done = [what for _, what in world.log]
    closed = done.index("firewall")
    assert done[closed : closed + 3] == ["firewall", "dial tunnel", "firewall-confirm at 10.84.0.12"]
    assert "dial public" not in done[closed:]


@pytest.mark.parametrize("step", ["packages", "tunnel-key", "host-certificate", "tunnel", "units", "firewall"])
async def test_a_run_that_was_cut_at_a_step_goes_on_from_there(
    paths: Paths, fleet: Fleet, world: World, step: str
) -> None:
    world.machines["frankfurt"].flaw = f"dies in {step}"
    verdicts, _ = await provisioned(paths, fleet, world, "frankfurt")
    assert verdicts[0].verdict == "failed"
    world.machines["frankfurt"].flaw = ""
    verdicts, _ = await provisioned(paths, fleet, world, "frankfurt")
    assert (verdicts[0].verdict, verdicts[0].now) == ("live", "live 1.1.0 (2)")


async def test_a_certificate_that_was_installed_unseen_is_found_by_the_next_run(
    paths: Paths, fleet: Fleet, world: World
) -> None:
    world.machines["frankfurt"].installed.add("host-certificate")
    verdicts, _ = await provisioned(paths, fleet, world, "frankfurt")
    assert verdicts[0].good


async def test_one_node_that_dies_does_not_hold_the_others(paths: Paths, fleet: Fleet, world: World) -> None:
    world.machines["virginia"].flaw = "dies in packages"
    verdicts, _ = await provisioned(paths, fleet, world, "virginia", "frankfurt")
    assert [verdict.verdict for verdict in verdicts] == ["failed", "live"]
    assert "broke during packages" in verdicts[0].why


@pytest.mark.parametrize(
    ("flaw", "host_key", "why"),
    [
        ("", None, "--host-key SHA256"),
        ("", "SHA256:" + "B" * 43, "is not the machine that was meant"),
        ("unreachable", FINGERPRINT, "cannot be reached"),
        ("small", FINGERPRINT, "64 MiB memory"),
    ],
    ids=["no trust", "wrong key", "wrong address", "too small"],
)
async def test_a_machine_that_is_not_meant_or_not_fit_is_left_as_it_was(
    paths: Paths, fleet: Fleet, world: World, *, flaw: str, host_key: str | None, why: str
) -> None:
    world.machines["frankfurt"].flaw = flaw
    verdicts, _ = await provisioned(paths, fleet, world, "frankfurt", host_key=host_key)
    assert why in verdicts[0].why
    assert not world.machines["frankfurt"].installed


async def test_a_tunnel_without_a_handshake_fails_within_its_deadline_and_locks_nobody_out(
    paths: Paths, fleet: Fleet, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("noc.runs.provision.node.HANDSHAKE_S", 1.2)
    world.machines["frankfurt"].handshakes = False
    verdicts, _ = await provisioned(paths, fleet, world, "frankfurt")
    assert "E517" in verdicts[0].why
    assert "firewall" not in world.machines["frankfurt"].installed


async def test_a_release_that_does_not_get_healthy_leaves_the_node_without_one(
    paths: Paths, fleet: Fleet, world: World
) -> None:
    world.machines["frankfurt"].flaw = "dies"
    verdicts, _ = await provisioned(paths, fleet, world, "frankfurt")
    assert verdicts[0].verdict == "failed"
    assert load_inventory(paths.fleet).record("frankfurt").life is Life.PROVISIONED


async def test_the_first_release_is_activated_inside_a_window_at_the_watch(
    paths: Paths, fleet: Fleet, world: World
) -> None:
    _, run = await provisioned(paths, fleet, world, "frankfurt")
    assert world.deployments == [("frankfurt", run.id), ("frankfurt", "closed")]


async def test_a_release_whose_confirmation_was_heard_and_not_answered_is_installed(
    paths: Paths, fleet: Fleet, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("noc.runs.rollout.change._RECONNECT_S", 0)
    world.machines["frankfurt"].flaw = "mute"
    verdicts, _ = await provisioned(paths, fleet, world, "frankfurt")
    assert verdicts[0].verdict == "live"


async def test_a_stop_ends_every_node_between_two_steps(paths: Paths, fleet: Fleet, world: World) -> None:
    run = prepare(paths, fleet, world, "frankfurt")
    run.stopping.set()
    verdicts = await provision(run, make_site(paths, fleet, world))
    assert "asked to stop" in verdicts[0].why
    assert world.log == []


async def test_a_long_step_is_never_silent(
    paths: Paths, fleet: Fleet, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("noc.runs.record.steps.TICK_S", 0.02)
    monkeypatch.setattr("noc.runs.provision.node.HANDSHAKE_S", 1.2)
    world.machines["frankfurt"].handshakes = False
    _, run = await provisioned(paths, fleet, world, "frankfurt")
    said = [event.detail["say"] for event in run.events if event.step == "handshake" and "say" in event.detail]
    assert said
    assert all(words.endswith("s so far") for words in said)


async def test_a_host_certificate_that_is_near_its_end_is_renewed(paths: Paths, fleet: Fleet, world: World) -> None:
    await provisioned(paths, fleet, world, "frankfurt")
    machine = world.machines["frankfurt"]
    ca = (paths.credentials / "host_ca").read_bytes()
    old = machine.certificate = sign_host(ca, runs_kit.HOST_PUBLIC, "frankfurt", now=datetime.now(UTC) - VALIDITY * 0.7)
    verdicts, _ = await provisioned(paths, fleet, world, "frankfurt")
    assert verdicts[0].good
    assert machine.certificate != old
    assert not renewal_due(machine.certificate, datetime.now(UTC))
