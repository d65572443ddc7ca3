"""One change of release: flip, prove, wait for HQ's confirmation, or put the old release back and prove that."""

import signal
import subprocess
import time
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Any

from .database import snapshot
from .layout import Layout
from .release import check_release, identity
from .service import TICK_S, Process, Unproven, ask_health, last_log
from .state import Pending, Refused, flip, proven, prune, read_json, settle, write_json

FINAL = ("confirmed", "rolled-back", "rollback-failed", "refused")
SICK_LOOKS = 3


class Activation:
    """One change of release, from the first check to its verdict."""

    def __init__(self, layout: Layout, order: Pending) -> None:
        """Take an order; whoever calls holds the lock."""
        self.layout, self.order = layout, order
        self.health: dict[str, Any] = {}

    def tell(self, state: str, reason: str = "", log: list[str] | None = None) -> None:
        """Write the verdict."""
        verdict = {
            "run": self.order.run,
            "state": state,
            "old": self.order.old,
            "new": self.order.new,
            "reason": reason,
            "log": last_log(self.layout) if log is None else log,
            "health": self.health,
            "at": datetime.now(UTC).isoformat(timespec="milliseconds"),
        }
        write_json(self.layout, f"verdicts/{self.order.run}.json", verdict)

    def act(self, *, replacing: bool) -> None:
        """Do all of it. Raises Refused as long as nothing was changed."""
        if self.answer().get("answer") == "revert":
            raise Refused("reverted", "HQ took it back before it began")
        self.tell("activating")
        try:
            check_release(self.layout, self.order.new, replacing=replacing)
            snapshot(self.layout, self.order.run)
            before = ask_health(self.layout)[1].get("boot_id") if self.order.old else None
            write_json(self.layout, "pending.json", asdict(self.order))
        except (OSError, subprocess.SubprocessError) as error:
            raise Refused("system", f"{type(error).__name__}: {error}") from None
        try:
            flip(self.layout, self.order.new)
            process = self.prove(self.order.new, before, heeding=True)
            self.tell("activated")
            self.await_confirmation(process)
        except (Unproven, OSError, subprocess.SubprocessError) as failure:
            return self.roll_back(str(failure))
        return self.accept()

    def prove(self, sha: str, before: str | None, *, heeding: bool) -> Process:
        """Restart the service, and see this very release answer in a new process. Raises Unproven."""
        done = subprocess.run(self.layout.restart, capture_output=True, text=True, timeout=90, check=False)
        if done.returncode:
            raise Unproven(f"the service does not start: {done.stderr.strip()[-300:]}")
        process, status = Process(self.layout), 0
        deadline = time.monotonic() + self.order.health_within
        while time.monotonic() < deadline:
            status, self.health = ask_health(self.layout, process)
            if status == 200 and self.health.get("boot_id") != before:
                self.check_identity(sha)
                return process
            if heeding:
                self.heed_revert()
            process.watch(TICK_S)
        raise Unproven(f"not healthy within {self.order.health_within:g} s: {_describe(status, self.health)}")

    def check_identity(self, sha: str) -> None:
        """Raises Unproven where the last answer came from another release."""
        wanted = identity(self.layout, sha)
        said = {name: self.health.get(name) for name in wanted}
        if said != wanted:
            raise Unproven(f"it answers as {_name(said)}, not as {_name(wanted)}")

    def await_confirmation(self, process: Process) -> None:
        """Watch the process until HQ accepts it. Raises Unproven on death, sickness, HQ's no, or silence."""
        deadline, boot, sick = time.monotonic() + self.order.confirm_within, self.health["boot_id"], 0
        next_look = time.monotonic() + 1
        while self.answer().get("answer") != "confirm":
            self.heed_revert()
            process.watch(TICK_S)
            if time.monotonic() >= deadline:
                raise Unproven(f"HQ did not confirm within {self.order.confirm_within:g} s")
            if time.monotonic() >= next_look:
                status, self.health = ask_health(self.layout, process)
                sick = 0 if status == 200 and self.health.get("boot_id") == boot else sick + 1
                next_look = time.monotonic() + 1
            if sick >= SICK_LOOKS:
                raise Unproven(f"it fell ill while HQ was looking: {_describe(status, self.health)}")

    @property
    def confirmed(self) -> bool:
        """Whether HQ said yes, and nothing was decided against it since."""
        return self.answer().get("answer") == "confirm" and not self.order.rolling_back

    def intend(self, reason: str) -> None:
        """Decide to roll back, durably: a confirmation that comes later does not count."""
        self.order = replace(self.order, rolling_back=reason)
        write_json(self.layout, "pending.json", asdict(self.order))

    def answer(self) -> dict[str, str]:
        """What HQ said: answer (confirm or revert) and reason; empty while it says nothing."""
        return read_json(self.layout, f"answers/{self.order.run}.json") or {}

    def heed_revert(self) -> None:
        """Raises Unproven where HQ took it back."""
        said = self.answer()
        if said.get("answer") == "revert":
            raise Unproven(f"HQ took it back: {said['reason']}")

    def accept(self) -> None:
        """The release is this node's own from now on."""
        entry = {"sha": self.order.new, **identity(self.layout, self.order.new), "at": datetime.now(UTC).isoformat()}
        others = [known for known in proven(self.layout) if known["sha"] != self.order.new]
        write_json(self.layout, "proven.json", [*others, entry])
        self.tell("confirmed")
        settle(self.layout)
        prune(self.layout, keep={self.order.new, self.order.old or ""})

    def roll_back(self, reason: str) -> None:
        """Put the old release back and prove it; whatever asks us to stop in the middle of that is ignored."""
        for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        log = last_log(self.layout)
        self.intend(reason)
        failed = self.health.get("boot_id")
        self.health = {}
        flip(self.layout, self.order.old)
        try:
            if self.order.old:
                self.prove(self.order.old, failed, heeding=False)
            else:
                subprocess.run(self.layout.stop, capture_output=True, timeout=90, check=True)
        except (Unproven, subprocess.SubprocessError) as failure:
            self.tell("rollback-failed", f"{reason}; then the release before: {failure}", log)
        else:
            self.tell("rolled-back", reason, log)
        settle(self.layout)


def _describe(status: int, answer: dict[str, Any]) -> str:
    if status == 0:
        return str(answer.get("error"))
    return f"it answers {status} {answer.get('status', '')}".strip()


def _name(said: dict[str, Any]) -> str:
    return f"version {said.get('version')} build {said.get('build')}"
