"""The pilot: HQ and a few nodes from nothing to a go or no-go, on the lab's real hosts.

Every step is what an operator would do on the real fleet, by the same commands; only the lab stands for the world.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from noc.lab import acceptance
from noc.lab.hq import Headquarters
from noc.lab.lab import Lab
from noc.lab.operator import Operator
from noc.lab.stranger import Scan, Tls, scan_all, tls
from noc.lab.trials import Trial, Trials
from noc.runs.review.report import Report

Tell = Callable[[str], None]
TABLES: Mapping[str, Mapping[str, float]] = {"judging": {"flap_within": 0}}
POLICY = {"push_interval": 5, "sev1_after": 15, "recovery_steady": 10, "soak": 2, "canary_soak": 4}


@dataclass(frozen=True)
class Setting:
    """How a pilot is played.

    Attributes:
        nodes: names of the nodes, in the fleet's order.
        broken: the node that is broken on purpose.
        bare: nodes that start from an image with nothing of ours, not even Python.
        dist: the file that `make dist` wrote.
        work: a directory for identities and releases of this pilot.
        cloud: the nodes are at the lab's stand-in for AWS.
        approver: who of the fleet file's people decides, "" for nobody.
        tables: what stands in further tables of the fleet file than its policy.
    """

    nodes: tuple[str, ...]
    dist: Path
    work: Path
    broken: str = "frankfurt"
    bare: tuple[str, ...] = ("frankfurt",)
    policy: dict[str, float] = field(default_factory=lambda: dict(POLICY))
    cloud: bool = False
    approver: str = ""
    tables: Mapping[str, Mapping[str, float]] = field(default_factory=lambda: dict(TABLES))


class Stage:
    """A pilot in progress: the lab, HQ, the operator, and the clock that every line is told with."""

    def __init__(self, lab: Lab, setting: Setting, tell: Tell) -> None:
        self.lab, self.setting = lab, setting
        self.hq = Headquarters(lab)
        self.operator = Operator(setting.work / "operator")
        self.started = datetime.now(UTC)
        self._begun = time.monotonic()
        self._tell = tell

    def tell(self, text: str) -> None:
        """One line of progress with the seconds since the start."""
        self._tell(f"[{time.monotonic() - self._begun:6.1f} s] {text}")

    def prepare(self) -> tuple[str, str]:
        """Identities and two signed releases on the operator's machine, HQ installed; the releases' hashes."""
        self.operator.init()
        releases = [self.operator.release(version, build) for version, build in (("1.0.0", 1), ("1.1.0", 2))]
        self.tell("operator: identities made, 1.0.0 and 1.1.0 built and signed")
        fleet = self.setting.work / "fleet"
        approver = self.operator.approver(self.setting.approver) if self.setting.approver else None
        nodes, policy, cloud, tables = self.setting.nodes, self.setting.policy, self.setting.cloud, self.setting.tables
        self.lab.fleet_directory(fleet, nodes, policy, cloud=cloud, approver=approver, tables=tables)
        self.hq.install(self.setting.dist, fleet, self.operator.trust, self.lab.ntfy_token)
        hashes = [self.hq.add_release(release.directory) for release in releases]
        self.tell(f"HQ: installed from {self.setting.dist.name}, releases verified")
        return hashes[0], hashes[1]

    def provision(self, release: str) -> None:
        """The console's part (HQ's key authorised, host keys read), then `noc provision` of every node at once."""
        key = self.hq.sh("cat", "/etc/noc-trust/hub_ssh_key.pub").strip()
        hosts = []
        for node in self.setting.nodes:
            self.lab.authorize(node, key)
            hosts += ["--host", f"{node}={self.lab.address(node)},{self.lab.host_key(node)}"]
        self.hq.noc("provision", *self.setting.nodes, *hosts, "--release", release, timeout_s=600)
        self.tell(f"provisioned to live: {', '.join(self.setting.nodes)}")

    def deploy(self, release: str) -> dict[str, Any]:
        """Roll a release over all nodes and return the command's document with its run's events."""
        document: dict[str, Any] = self.hq.noc("deploy", "all", release, timeout_s=600, statuses=(0, 1))
        shown = self.hq.noc("run", "show", document["run"])
        verdicts = ", ".join(f"{row['node']} {row['verdict']}" for row in document["nodes"])
        self.tell(f"deployed {release[:12]}: {verdicts}")
        return {**document, "events": shown["events"]}

    def healthy(self) -> bool:
        """Whether `noc health all` finds every node healthy."""
        document = self.hq.noc("health", "all", timeout_s=60, statuses=(0, 1, 3))
        return all(row["healthy"] for row in document["nodes"])

    def faults(self) -> tuple[Trial, Trial, Trial]:
        """Kill, stop and mask, cut: each with its alert and its recovery."""
        trials = Trials(self.lab, self.hq, self.lab.ntfy_topic)
        done = []
        for fault in (trials.sigkill, trials.stop_and_mask, trials.cut):
            trial = fault(self.setting.broken)
            self.tell(f"{self.setting.broken}: {trial.fault}: alert after {trial.alert_s:.1f} s")
            done.append(trial)
        return done[0], done[1], done[2]

    def look_from_outside(self) -> tuple[dict[str, Scan], dict[str, Tls]]:
        """Scan the ports and check the certificate of each node from a host that is not HQ."""
        scans = scan_all(self.lab, self.setting.nodes)
        certificates = {
            node: tls(self.lab, node, f"{node}.clavitor.com", self.lab.trust_bundle) for node in self.setting.nodes
        }
        self.tell("scanned every TCP port and checked TLS from a third host")
        return scans, certificates


def play(lab: Lab, setting: Setting, tell: Tell) -> Report:
    """Play the whole pilot on a lab that is up, and return the review of milestone M3.

    Args:
        lab: a lab with HQ and the setting's nodes running.
        setting: how to play.
        tell: where a line of progress goes.

    Raises:
        NocError: a step failed so that what follows could not be judged.
    """
    stage = Stage(lab, setting, tell)
    for note in notes(setting):
        stage.tell(note)
    first, second = stage.prepare()
    stage.provision(first)
    stage.deploy(first)
    deployment = stage.deploy(second)
    death, masked, cut = stage.faults()
    scans, certificates = stage.look_from_outside()
    healthy = stage.healthy()
    stage.tell("every node healthy" if healthy else "NOT every node healthy")
    interval, missed = setting.policy["push_interval"], 2
    return Report(
        milestone="M3",
        title=f"pilot of {len(setting.nodes)} nodes in the lab",
        setting=notes(setting),
        started=stage.started,
        ended=datetime.now(UTC),
        lines=(
            acceptance.rolling(deployment, setting.nodes, "1.1.0"),
            acceptance.killed((death, masked), healthy),
            acceptance.noticed(death, cut, interval, missed),
            acceptance.closed(scans),
            acceptance.tls_valid(certificates),
        ),
    )


def notes(setting: Setting) -> tuple[str, ...]:
    """What differs from the real fleet, in words."""
    policy = setting.policy
    shortened = (
        f"Shortened times: a push every {policy['push_interval']:g} s (plan: 30 s), SEV1 after "
        f"{policy['sev1_after']:g} s (plan: 5 min), steady after {policy['recovery_steady']:g} s (plan: 60 s); "
        "one node is broken again and again, and each time counts by itself."
    )
    return (
        "A rehearsal: real hosts (systemd containers with their own networks) on one machine, not the real fleet.",
        shortened,
        _beginning(setting),
    )


def _beginning(setting: Setting) -> str:
    authority = "Certificates by the lab's own ACME authority."
    if setting.cloud:
        return f"Machines by the lab's stand-in for AWS, names by the lab's own name server. {authority}"
    return f"Started from a bare image: {', '.join(setting.bare)}. {authority}"
