"""The whole way: from an account in which nothing is switched on to a verified fleet (M6), by HQ's own commands.

What the pilot shows on machines that are simply there begins here without any: they come by `noc launch` from the lab's
stand-in for AWS, and the zone is as empty as one that was just bought.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from noc.fleet.load import load
from noc.lab.cloud.account import CREDENTIALS
from noc.lab.lab import Lab
from noc.lab.pilot import Setting, Stage, Tell, notes
from noc.lab.trials import Trials
from noc.runs.review.report import Report

SIGNATURE: Final = "/root/decision.sig"
WITHIN_S: Final = 600.0


@dataclass(frozen=True)
class Step:
    """One step: the command that it was, and the seconds that it took."""

    command: str
    seconds: float


class Voyage(Stage):
    """A way in progress: every step is a command of HQ's, with its time.

    Args:
        lab: a lab that is up with an account and an empty zone; no node is there.
        setting: nodes, which have to be at the cloud, and who decides.
        tell: where a line of progress goes.
    """

    def __init__(self, lab: Lab, setting: Setting, tell: Tell) -> None:
        super().__init__(lab, setting, tell)
        self.steps: list[Step] = []

    @property
    def pilots(self) -> tuple[str, ...]:
        """The nodes of batch 0."""
        return tuple(name for name, batch in self._batches().items() if batch == 0)

    def begin(self) -> None:
        """The operator's identities and two releases, HQ installed, with its credentials."""
        with self._step("noc init, noc release build, noc hub install"):
            self.prepare()
            for name, secret in (("aws", CREDENTIALS), ("dns_tsig", self.lab.dns_key)):
                self.hq.sh("noc", "hub", "secret", "set", name, stdin=secret.encode())

    def add_release(self, version: str, build: int) -> None:
        """A further release, built and signed at the operator's, brought to HQ."""
        with self._step(f"noc release build --version {version}, noc release add"):
            self.hq.add_release(self.operator.release(version, build).directory)

    def do(self, *words: str) -> Any:  # noqa: ANN401 - any JSON document
        """One command that has to succeed; its document."""
        with self._step(f"noc {' '.join(words)}"):
            return self.hq.noc(*words, timeout_s=WITHIN_S)

    def roll_out(self, batches: str, release: str) -> None:
        """Batches from nothing to live and healthy, with the seconds of each stage."""
        for stage in self.do("rollout", "--batch", batches, "--release", release)["stages"]:
            self.tell(f"  batch {stage['batch']}: {stage['name']}, {stage['seconds']:.1f} s")

    def kill(self, node: str) -> None:
        """Kill the service of a node, and wait until the alert and the recovery have come."""
        with self._step(f"{node}# systemctl kill -s KILL clavitor.service"):
            trial = Trials(self.lab, self.hq, self.lab.ntfy_topic).sigkill(node)
        self.tell(f"  alert after {trial.alert_s:.1f} s, recovery after {trial.recovered_s:.1f} s")

    def review(self, milestone: str) -> Report:
        """A milestone's report, go or not."""
        with self._step(f"noc review {milestone}"):
            report = Report.model_validate(self.hq.noc("review", milestone, timeout_s=WITHIN_S, statuses=(0, 1)))
        for line in report.lines:
            self.tell(f"  {line.verdict.value}: {line.name}: {line.summary}")
        return report

    def decide_go(self, milestone: str) -> None:
        """HQ prints what is to be signed, a person signs it on a machine of his own, HQ takes the signature in."""
        with self._step(f"noc review {milestone} --decide go"):
            statement = self.hq.noc("review", milestone, "--statement", "go")["statement"]
            signature = self.operator.sign_decision(statement)
            self.hq.sh("tee", SIGNATURE, stdin=signature)
            self.hq.noc("review", milestone, "--decide", "go", "--signature", SIGNATURE)

    def told(self, report: Report) -> Report:
        """HQ's report with what came before it; the digest of HQ's own, on which people decide, is named in it."""
        total = f"The whole way took {sum(step.seconds for step in self.steps):.0f} s:"
        steps = [f"{step.seconds:.1f} s  {step.command}" for step in self.steps]
        kept = f"HQ keeps it without these lines, as report {report.digest[:16]}."
        setting = (*notes(self.setting), total, *steps, *report.setting, kept)
        return report.model_copy(update={"setting": setting, "started": self.started})

    def others(self) -> str:
        """The batches after the pilot's, as `noc rollout` takes them."""
        first, *more = sorted(set(self._batches().values()) - {0})
        return f"{first}..{more[-1]}" if more else str(first)

    def _batches(self) -> dict[str, int]:
        return {node.name: node.batch for node in load(self.lab.source).select(self.setting.nodes)}

    @contextmanager
    def _step(self, command: str) -> Iterator[None]:
        begun = time.monotonic()
        yield
        self.steps.append(Step(command, time.monotonic() - begun))
        self.tell(f"{command}  {self.steps[-1].seconds:.1f} s")


def sail(lab: Lab, setting: Setting, tell: Tell) -> Report:
    """Go the whole way on a lab that is up, and return the review at which it ended: M6's, or the first no-go.

    Args:
        lab: a lab that is up with an account and an empty zone; no node is there.
        setting: nodes of two batches or more, at the cloud, and who decides.
        tell: where a line of progress goes.

    Raises:
        NocError: a step failed so that what follows could not be done.
    """
    voyage = Voyage(lab, setting, tell)
    for note in notes(setting):
        voyage.tell(note)
    voyage.begin()
    voyage.do("preflight", "--enable-regions")
    voyage.roll_out("0", "1.0.0")
    voyage.do("deploy", "all", "1.1.0")
    voyage.kill(voyage.pilots[0])
    if not (report := voyage.review("M3")).go:
        return voyage.told(report)
    voyage.review("M4")
    voyage.decide_go("M4")
    voyage.roll_out(voyage.others(), "1.1.0")
    voyage.add_release("1.2.0", 3)
    voyage.do("deploy", "all", "1.2.0")
    if (report := voyage.review("M5")).go:
        report = voyage.review("M6")
    return voyage.told(report)
