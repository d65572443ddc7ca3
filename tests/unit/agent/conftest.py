"""A fleet of three nodes, a runner on a real socket over it, and the doors that lead there."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from agent_kit import doors_of, watch_beside
from noc.agent.doors.house import House as Doors
from noc.fleet.inventory import Life, NodeRecord
from noc.runs.paths import Paths
from page_runner_kit import PageRunner, page_runner
from runner_house import House, with_tunnels
from runs_kit import NAMES, write_fleet
from watch_kit import Server


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    """A fleet of three live nodes."""
    for name in ("fleet", "runs", "releases"):
        (tmp_path / name).mkdir()
    write_fleet(tmp_path / "fleet", **dict.fromkeys(NAMES, NodeRecord(life=Life.LIVE, release="a" * 64)))
    return Paths(
        fleet=tmp_path / "fleet",
        runs=tmp_path / "runs",
        releases=tmp_path / "releases",
        runner_socket=tmp_path / "runner.sock",
        watch_socket=tmp_path / "watch.sock",
    )


@pytest.fixture
def house(paths: Paths) -> Iterator[House]:
    """A runner that lets everybody in."""
    made = House(with_tunnels(paths), permit=lambda _: None)
    yield made
    made.close()


@pytest.fixture
def doors(paths: Paths) -> Doors:
    """The doors to that runner, and to a watch that is not there."""
    return Doors(paths.fleet, paths.runner_socket, paths.watch_socket)


@pytest.fixture(scope="module")
def watch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A real watch of the same three nodes."""
    with watch_beside(tmp_path_factory.mktemp("beside")) as server:
        yield server


@pytest.fixture
def runner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PageRunner]:
    """A runner that knows by the socket which login asks, over a fleet in which somebody else has to agree to all."""
    with page_runner(tmp_path / "runner", monkeypatch) as made:
        yield made


@pytest.fixture
def hq(runner: PageRunner, watch: Server) -> Doors:
    """The doors of that runner and that watch, as noc-agent finds them."""
    return doors_of(runner, watch.socket)
