"""The parts of the benchmark: each boots a lab, measures one claim, shows it, and returns it as a document."""

import contextlib
import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from noc.cli.lab import first_nodes
from noc.lab.errors import LabBusy
from noc.lab.fleet import SOURCE
from noc.lab.lab import Lab
from noc.lab.places import Places
from rolling.bad import bad_node
from rolling.contest import Contest, contest, one
from rolling.growth import SIZES, fits, fleet_of, names
from rolling.house import House
from rolling.loss import loaded_deploy, lost, own_sockets
from rolling.report import Target, show_contest, show_targets, table
from rolling.tools import TOOLS, Ansible, Noc, PyinfraSerial, PyinfraStaged, install_peers

Document = dict[str, Any]
NEAR_OVER_LIMIT_S = 4.0
LINK_S, LINK_MS, LINK_MB_S = 16.0, 40.0, 10.0
CONTROLLER_MB = 100.0
AGAIN_S = 2.0
DECIDED_S, PROVEN_S = 2.0, 5.0
WARM_S, BARE_S = 180.0, 60.0
LINEAR = 1.1


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
    def bare_house(
        self, name: str, nodes: Sequence[str], *, bare: Sequence[str] = (), source: Path = SOURCE
    ) -> Iterator[House]:
        """A lab of its own with HQ installed, taken down at any end. Raises LabBusy where one is up already."""
        lab = Lab(self.places, source=source, tell=self.tell)
        if lab.is_up():
            raise LabBusy("a lab is up already", why=str(self.places.state), fix="noc lab down, or another NOC_LAB_DIR")
        try:
            house = House(lab, nodes, self.work / name, self.tell)
            house.found(self.dist, bare=bare)
            yield house
        finally:
            lab.down()

    def show(self, result: Contest, targets: Sequence[Target]) -> None:
        """Print a contest."""
        if not self.quiet:
            show_contest(result)
            show_targets(targets)

    def told(self, lines: Sequence[str], targets: Sequence[Target], document: Document) -> Document:
        """Print lines and targets, and return the document with them."""
        if not self.quiet:
            print("", *lines, sep="\n")
            show_targets(targets)
        return {**document, "targets": [target.as_document() for target in targets]}


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


def again(setting: Setting) -> Document:
    """The same deployment once more, after it succeeded: nothing is to be sent and nothing restarted."""
    with setting.house("again") as house:
        one(house, Noc())
        deployed, before = house.last_run()[0]["run"], house.sent_bytes()
        samples = [house.noc("deploy", "all", house.base.version) for _ in range(setting.rounds)]
        on_the_wire = (house.sent_bytes() - before) // setting.rounds
        staged = sum(
            int(event["detail"].get("bytes", 0))
            for event in house.last_run()
            if event["step"] == "stage" and event["run"] != deployed
        )
    seconds = statistics.median(sample.seconds for sample in samples)
    targets = [
        Target(f"a re-run under {AGAIN_S:g} s", f"{seconds:.2f} s", seconds < AGAIN_S),
        Target("no byte of the release sent", f"{staged} bytes", staged == 0),
    ]
    words = f"re-run over {setting.nodes} nodes: {seconds:.2f} s, {on_the_wire:,} bytes of questions and answers"
    return setting.told([words], targets, {"seconds": seconds, "sent_bytes": staged, "on_the_wire_bytes": on_the_wire})


def bad(setting: Setting) -> Document:
    """A release whose process ends at once on the fifth node, or the last of fewer."""
    with setting.house("bad") as house:
        victim = house.nodes[min(4, len(house.nodes) - 1)]
        stories = [bad_node(house, victim) for _ in range(setting.rounds)]
    decided, rolled_back, proven = (
        statistics.median(times)
        for times in zip(*((s.decided_s, s.rolled_back_s, s.proven_s) for s in stories), strict=True)
    )
    targets = [
        Target(f"decided within {DECIDED_S:g} s of the death", f"{decided:.2f} s", decided < DECIDED_S),
        Target(f"rolled back and proven within {PROVEN_S:g} s", f"{proven:.2f} s", proven < PROVEN_S),
    ]
    when = f"decided {decided:.2f} s, rolled back and healthy {rolled_back:.2f} s, proven by HQ {proven:.2f} s"
    words = [
        f"{victim}, after its process died: {when} (medians of {len(stories)})",
        f"verdicts: {', '.join(f'{node} {verdict}' for node, verdict in stories[-1].verdicts.items())}",
    ]
    return setting.told(words, targets, {"victim": victim, "stories": [asdict(story) for story in stories]})


def provision(setting: Setting) -> Document:
    """Warm hosts to live, all at once; then one host that starts from a bare image."""
    with setting.bare_house("warm", first_nodes(setting.nodes)) as house:
        warm = house.provision().seconds
    with setting.bare_house("bare", first_nodes(1), bare=first_nodes(1)) as house:
        bare = house.provision().seconds
    targets = [
        Target(f"{setting.nodes} warm hosts under {WARM_S:g} s", f"{warm:.1f} s", warm < WARM_S),
        Target(f"one bare host under {BARE_S:g} s", f"{bare:.1f} s", bare < BARE_S),
    ]
    return setting.told([], targets, {"warm_s": warm, "bare_s": bare})


def loss(setting: Setting) -> Document:
    """A deployment under a steady load on every node, with the held socket and then without it."""
    with setting.house("loss") as house:
        held = loaded_deploy(house)
        own_sockets(house)
        own = loaded_deploy(house)
    targets = [
        Target("every request answered", f"{lost(held)} of {held['sent']} lost", lost(held) == 0),
        Target("losses without the held socket", f"{lost(own)} of {own['sent']} lost", lost(own) > 0),
    ]
    lines = [
        f"{name}: {row['sent']} requests sent ({row['streams']} of them 5 s long), {lost(row)} failed {row['failed']}, "
        f"slowest {row['slowest_s']:.2f} s, deployment {row['deploy_s']:.1f} s"
        for name, row in (("held socket", held), ("own socket", own))
    ]
    return setting.told(lines, targets, {"held": held, "own": own})


def growth(setting: Setting) -> Document:
    """Fleets of 20, 50, 100 and 200 hosts, or as many as memory holds: seconds and controller memory a node."""
    rows: list[dict[str, float]] = []
    for count in SIZES:
        if not fits(count):
            setting.tell(f"{count} hosts do not fit into this machine's memory")
            break
        with setting.bare_house(
            f"growth-{count}", names(count), source=fleet_of(count, setting.work / "fleet")
        ) as house:
            provisioned = house.provision()
            sample = one(house, Noc())
            limit_s = sum(house.limits())
        rows.append(
            {"nodes": count, "provision_s": provisioned.seconds, "deploy_s": sample.seconds, "limit_s": limit_s,
             "cpu_s": sample.cpu_s, "peak_mb": sample.peak_mb}
        )  # fmt: skip
    head = ("nodes", "provision s", "deploy s", "a node", "limit a node", "CPU s a node", "controller MB")
    lines = [
        (f"{row['nodes']}", f"{row['provision_s']:.0f}", f"{row['deploy_s']:.1f}",
         f"{row['deploy_s'] / row['nodes']:.2f}", f"{row['limit_s'] / row['nodes']:.2f}",
         f"{row['cpu_s'] / row['nodes']:.3f}", f"{row['peak_mb']:.0f}")
        for row in rows
    ]  # fmt: skip
    return setting.told([table(head, lines)], _linear(rows), {"rows": rows})


def _linear(rows: list[dict[str, float]]) -> list[Target]:
    """Cost above the pure limit a node: no larger fleet pays more than the smallest, and a tenth."""
    each = [(row["deploy_s"] - row["limit_s"]) / row["nodes"] for row in rows]
    return [
        Target(
            f"{row['nodes']} nodes cost no more each than {rows[0]['nodes']}",
            f"{cost:.2f} s against {each[0]:.2f} s over the limit",
            cost <= each[0] * LINEAR,
        )
        for row, cost in zip(rows[1:], each[1:], strict=True)
    ]


PARTS: dict[str, Callable[[Setting], Document]] = {
    "near": near, "link": link, "again": again, "bad": bad, "provision": provision, "loss": loss, "growth": growth,
}  # fmt: skip
