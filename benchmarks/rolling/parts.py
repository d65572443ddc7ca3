"""The parts of the benchmark: each boots a lab, measures one claim, shows it, and returns it as a document."""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from noc.cli.lab import first_nodes
from noc.lab.lab import Lab
from noc.lab.places import Places
from rolling.contest import Contest, contest
from rolling.house import House
from rolling.report import Target, show_contest, show_targets
from rolling.tools import TOOLS, Ansible, Noc, PyinfraSerial, PyinfraStaged, install_peers

Document = dict[str, Any]
NEAR_OVER_LIMIT_S = 4.0
LINK_S, LINK_MS, LINK_MB_S = 16.0, 40.0, 10.0
CONTROLLER_MB = 100.0


@dataclass(frozen=True)
class Setting:
    """How the benchmark is run.

    Attributes:
        places: the lab's directories.
        dist: the file that `make dist` wrote.
        work: a directory for identities and payloads.
        venv: where the peers are installed.
        nodes: how many hosts beside HQ.
        rounds: runs of each tool.
        paths: "tunnel", "direct", or both: how SSH reaches the nodes, for every tool alike.
        tell: where a line of progress goes.
        quiet: print no tables.
    """

    places: Places
    dist: Path
    work: Path
    venv: Path
    nodes: int
    rounds: int
    paths: tuple[str, ...]
    tell: Callable[[str], None]
    quiet: bool

    @contextlib.contextmanager
    def house(self, name: str) -> Iterator[House]:
        """A lab of its own with every node live, taken down at any end."""
        with self.bare_house(name, first_nodes(self.nodes)) as house:
            house.provision()
            yield house

    @contextlib.contextmanager
    def bare_house(self, name: str, nodes: list[str], **founded: Any) -> Iterator[House]:  # noqa: ANN401
        """A lab of its own with HQ installed, taken down at any end."""
        lab = Lab(self.places, tell=self.tell)
        lab.down()
        try:
            house = House(lab, nodes, self.work / name, self.tell)
            house.found(self.dist, **founded)
            yield house
        finally:
            lab.down()

    def show(self, result: Contest, targets: list[Target]) -> None:
        """Print a contest."""
        if not self.quiet:
            show_contest(result)
            show_targets(targets)


def near(setting: Setting) -> Document:
    """All tools beside the pure limit, on the lab's own network."""
    with setting.house("near") as house:
        install_peers(house, setting.venv)
        return _contests(setting, house, near_targets)


def link(setting: Setting) -> Document:
    """The same, every node 40 ms away on a line of 10 MB/s."""
    with setting.house("link") as house:
        install_peers(house, setting.venv)
        with house.far(LINK_MS, LINK_MB_S):
            return _contests(setting, house, link_targets, f", {LINK_MS:g} ms and {LINK_MB_S:g} MB/s a node")


def _contests(setting: Setting, house: House, judge: Callable[[Contest], list[Target]], words: str = "") -> Document:
    documents, targets = [], []
    for path in setting.paths:
        with house.around_tunnel() if path == "direct" else contextlib.nullcontext():
            result = contest(house, TOOLS, setting.rounds, f"{len(house.nodes)} nodes, {path}{words}")
        judged = judge(result)
        setting.show(result, judged)
        documents.append(
            {"path": result.path, "rows": result.rows(), "limits_s": result.limits, "stages": result.stages}
        )
        targets += judged
    return {"contests": documents, "targets": [target.as_document() for target in targets]}


def near_targets(result: Contest) -> list[Target]:
    """What is wanted of a near fleet."""
    ours, limit = result.seconds(Noc.name), result.limit_s
    best = min(result.seconds(tool.name) for tool in (PyinfraSerial, PyinfraStaged))
    return [
        Target(
            f"at most the limit + {NEAR_OVER_LIMIT_S:g} s",
            f"limit + {ours - limit:.1f} s",
            ours <= limit + NEAR_OVER_LIMIT_S,
        ),
        _times(4, "ansible", result.seconds(Ansible.name) / ours),
        _times(1.5, "pyinfra's best", best / ours),
        _memory(result),
    ]


def link_targets(result: Contest) -> list[Target]:
    """What is wanted of a far fleet."""
    ours = result.seconds(Noc.name)
    return [
        Target(f"at most {LINK_S:g} s", f"{ours:.1f} s", ours <= LINK_S),
        _times(5, "ansible", result.seconds(Ansible.name) / ours),
        _times(5, "pyinfra --serial", result.seconds(PyinfraSerial.name) / ours),
        _memory(result),
    ]


def _times(wanted: float, peer: str, ratio: float) -> Target:
    return Target(f"at least {wanted:g} times faster than {peer}", f"{ratio:.1f} times", ratio >= wanted)


def _memory(result: Contest) -> Target:
    peak = max(sample.peak_mb for sample in result.samples[Noc.name])
    return Target(f"controller under {CONTROLLER_MB:g} MB", f"{peak:.0f} MB", peak < CONTROLLER_MB)


PARTS: dict[str, Callable[[Setting], Document]] = {"near": near, "link": link}
