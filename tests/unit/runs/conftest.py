from collections.abc import Iterator
from pathlib import Path

import pytest

from noc.fleet.inventory import Life, NodeRecord
from noc.fleet.load import load
from noc.fleet.model import Fleet
from noc.hosts.trust import generate_key
from noc.runs.paths import Paths
from runner_house import House, with_tunnels
from runs_kit import NAMES, OPEN, Machine, World, watch_server, write_fleet


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    """A fleet of three live nodes on OLD."""
    for name in ("fleet", "runs", "releases", "credentials"):
        (tmp_path / name).mkdir()
    live = NodeRecord(life=Life.LIVE, release="a" * 64)
    write_fleet(tmp_path / "fleet", **dict.fromkeys(NAMES, live))
    (tmp_path / "signers").write_text("operator ssh-ed25519 AAAA\n")
    return Paths(
        fleet=tmp_path / "fleet",
        runs=tmp_path / "runs",
        releases=tmp_path / "releases",
        signers=tmp_path / "signers",
        runner_socket=tmp_path / "runner.sock",
        watch_socket=tmp_path / "watch.sock",
        tunnels_socket=tmp_path / "tunnels.sock",
        credentials=tmp_path / "credentials",
    )


@pytest.fixture
def fleet(paths: Paths) -> Fleet:
    return load(paths.fleet)


@pytest.fixture
def placing(paths: Paths) -> Paths:
    """The same fleet, whose HQ was brought to its `[placement]`."""
    file = paths.fleet / "fleet.toml"
    file.write_text(f"{file.read_text()}\n[placement]\n")
    key = generate_key("directory of zurich")
    (paths.credentials / "directory_key").write_bytes(key.private)
    (paths.credentials / "tenant_key").write_text("5" * 64 + "\n")
    for path in paths.credentials.iterdir():
        path.chmod(0o600)
    paths.directory_public_key.write_text(f"{key.public}\n")
    return paths


@pytest.fixture
def world(paths: Paths) -> Iterator[World]:
    """Three machines that run OLD and have a certified host key."""
    made = World({name: Machine(name, installed={"host-certificate"}) for name in NAMES})
    with watch_server(paths.watch_socket, made):
        yield made


@pytest.fixture(autouse=True)
def closed_journals() -> Iterator[None]:
    """Close the journals of runs that a test began and did not end."""
    yield
    while OPEN:
        OPEN.pop().close()


@pytest.fixture(autouse=True)
def quick_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look more often than on real nodes, so that deadlines can be short."""
    monkeypatch.setattr("noc.runs.rollout.gate._INTERVAL_S", 0.01)
    monkeypatch.setattr("noc.runs.rollout.node._POLL_S", 0.01)
    monkeypatch.setattr("noc.runs.rollout.change._POLL_S", 0.01)
    monkeypatch.setattr("noc.runs.rollout.eyes._POLL_S", 0.01)
    monkeypatch.setattr("noc.runs.provision.node._POLL_S", 0.01)


@pytest.fixture
def house(paths: Paths) -> Iterator[House]:
    """A runner that lets everybody in, over a fleet whose nodes have a tunnel."""
    made = House(with_tunnels(paths), permit=lambda _: None)
    yield made
    made.close()
