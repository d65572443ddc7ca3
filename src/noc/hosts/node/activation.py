"""One change of a node: make it, prove it, wait for HQ's confirmation, or put back what was there and prove that."""

import contextlib
import signal
import sqlite3
import subprocess
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from types import ModuleType
from typing import Any

from . import configuration
from .bell import Bell
from .boot import due
from .database import Snapshot, prune_snapshots, take_snapshot
from .layout import Layout
from .order import Order, check_fence, heard, heard_go
from .record import Record
from .release import PAYLOAD, check_content, check_release, identity
from .restoration import data_for, put_back, put_forward
from .service import TICK_S, Illness, Process, Unproven, ask_health, last_log
from .state import Pending, Refused, current, flip, proven, prune, settle, write_json
from .wanted import read_wanted

LOOK_S = 0.5
RING_S = 1.0


class Activation(Record):
    """One change, from the first check to its verdict."""

    def act(self, order: Order) -> None:
        """Do all of it, and write the verdict."""
        with Bell(self.layout) as bell:
            try:
                before = self.begin(order, bell)
            except Refused as no:
                return self.tell("refused", f"{no.code}: {no}")
            try:
                self.change()
                process = self.prove(self.order.new, before, bell)
                self.tell("activated")
                self.await_confirmation(process, bell)
            except (Unproven, Refused, OSError, sqlite3.Error, subprocess.SubprocessError) as failure:
                return self.roll_back(str(failure))
            return self.accept()

    def begin(self, order: Order, bell: Bell) -> str | None:
        """Everything up to the first change; returns the boot id of the process that runs. Raises Refused."""
        try:
            manifest = self.check(order)
            self.await_go(order, bell)
            check_content(self.layout.release(self.order.new) / PAYLOAD, manifest)  # the wait for the go may be long
            self.tell("activating")
            return self.prepare(order)
        except (OSError, subprocess.SubprocessError) as error:
            raise Refused("system", f"{type(error).__name__}: {error}") from None

    def check(self, order: Order) -> dict[str, Any]:
        """All that can be known before its go; returns the release's manifest. Raises Refused."""
        if heard(self.layout, order.run).get("answer") == "revert":
            raise Refused("reverted", "HQ took it back before it began")
        manifest = check_release(self.layout, self.order.new, replacing=order.replace)
        if order.config:
            read_wanted(self.layout, order.config)
        if order.system:
            _packages().check(self.layout, order.system)
        self.order = self.order._replace(data_new=data_for(self.layout, self.order))
        return manifest

    def await_go(self, order: Order, bell: Bell) -> None:
        """Wait, changing nothing. Raises Refused where the go does not come, or must not be followed any more."""
        deadline = time.monotonic() + order.go_within
        if not heard_go(self.layout, order.run):
            self.tell("armed")
        while not heard_go(self.layout, order.run):
            if heard(self.layout, order.run).get("answer") == "revert":
                raise Refused("reverted", "HQ took it back before it began")
            check_fence(self.layout, order.fence)
            if (left := deadline - time.monotonic()) <= 0:
                raise Refused("late", f"HQ did not say go within {order.go_within:g} s")
            bell.wait(min(left, RING_S))
        check_fence(self.layout, order.fence)

    def prepare(self, order: Order) -> str | None:
        """Keep what is needed to turn back; returns the boot id of the process that runs. Raises Refused."""
        snapshot = self.copy()
        if order.config:
            configuration.save(self.layout, order.run, order.config)
        if order.system:
            _packages().save(self.layout, order.system)
        before = ask_health(self.layout)[1].get("boot_id") if self.order.old else None
        self.remember(snapshot=snapshot.number if snapshot else None)
        return before

    def copy(self) -> Snapshot | None:
        """The data from before. Where others are to come, those that cannot be read any more keep nothing up."""
        try:
            return take_snapshot(self.layout, self.order.run, self.order.old)
        except Refused:
            if self.order.data_new is None:
                raise
            return None

    def change(self) -> None:
        """Put the new things in their places: what a release may need comes before it."""
        if self.order.system_new:
            _packages().apply(self.layout, self.order.system_new)
        if self.order.config_new:
            configuration.apply(self.layout, self.order.run, self.order.config_new)
        put_forward(self)
        flip(self.layout, self.order.new)

    def change_back(self) -> str:
        """Put the old things in their places again; returns what did not work, in words."""
        put_back(self, running=True)
        flip(self.layout, self.order.old)
        troubles = []
        if self.order.config_new:
            troubles += _tried("the configuration from before", configuration.undo, self.layout, self.order.run)
        if self.order.system_new:
            troubles += _tried("the packages from before", _packages().undo, self.layout, self.order.system_new)
        return "; ".join(troubles)

    def change_back_at_boot(self) -> None:
        """The same before anything runs; what cannot be done then is left to `change_back`, once the system is up."""
        put_back(self, running=False)
        flip(self.layout, self.order.old)
        if self.order.config_new:
            configuration.undo_at_boot(self.layout, self.order.run)
        if self.order.system_new:
            with contextlib.suppress(Unproven, Refused, OSError):
                _packages().undo(self.layout, self.order.system_new, booting=True)

    def prove(self, sha: str, before: str | None, bell: Bell | None = None) -> Process:
        """Restart the service, and see this very release answer in a new process, with HQ not against it.

        Raises Unproven: at its death, when it gives wrong answers steadily, or when time is up.
        """
        begun = time.monotonic()
        self.restart()
        process, illness, wrong = Process(self.layout), Illness(), "it was not asked"
        while time.monotonic() < begun + self.order.health_within:
            status, self.health = ask_health(self.layout, process)
            wrong = self.wrong(status, sha, before)
            if not wrong:
                self.restart_s = round(time.monotonic() - begun, 3)
                return process
            # Silence is a start that takes its time; it ends neither the wait nor an illness.
            if status:
                illness.see(wrong=True)
            if illness.steady:
                raise Unproven(f"sick since its first answer: {wrong}")
            self.listen(process, TICK_S, bell)
        raise Unproven(f"not healthy within {self.order.health_within:g} s: {wrong}")

    def restart(self) -> None:
        """Start the service anew. Raises Unproven."""
        done = subprocess.run(self.layout.restart, capture_output=True, text=True, timeout=90, check=False)
        if done.returncode:
            raise Unproven(f"the service does not start: {done.stderr.strip()[-300:]}")

    def wrong(self, status: int, sha: str, before: str | None) -> str:
        """What is wrong with the last answer, "" where nothing is."""
        if status != 200:
            return _describe(status, self.health)
        wanted = identity(self.layout, sha)
        if (said := {name: self.health.get(name) for name in wanted}) != wanted:
            return f"it answers as {_name(said)}, not as {_name(wanted)}"
        return "the process from before answers" if self.health.get("boot_id") == before else ""

    def listen(self, process: Process, seconds: float, bell: Bell | None) -> None:
        """Wait a moment. Raises Unproven where the process dies, or HQ takes it back."""
        process.watch(seconds, *([bell.fileno()] if bell else []))
        if bell:
            bell.clear()
            self.heed_revert()

    def await_confirmation(self, process: Process, bell: Bell) -> None:
        """Watch the process until HQ accepts it. Raises Unproven on death, sickness, HQ's no, or silence."""
        deadline, boot, illness = time.monotonic() + self.order.confirm_within, self.health["boot_id"], Illness()
        next_look = time.monotonic() + LOOK_S
        while heard(self.layout, self.order.run).get("answer") != "confirm":
            self.listen(process, max(min(next_look, deadline) - time.monotonic(), 0), bell)
            if time.monotonic() >= deadline:
                raise Unproven(f"HQ did not confirm within {self.order.confirm_within:g} s")
            if time.monotonic() >= next_look:
                status, self.health = ask_health(self.layout, process)
                illness.see(wrong=status != 200 or self.health.get("boot_id") != boot)
                next_look = time.monotonic() + LOOK_S
            if illness.steady:
                raise Unproven(f"it fell ill while HQ was looking: {_describe(status, self.health)}")

    @property
    def confirmed(self) -> bool:
        """Whether HQ said yes, and nothing was decided against it since."""
        return heard(self.layout, self.order.run).get("answer") == "confirm" and not self.order.rolling_back

    def intend(self, reason: str) -> None:
        """Decide to roll back, durably: a confirmation that comes later does not count."""
        asked = heard(self.layout, self.order.run).get("restore_data", False)
        self.remember(rolling_back=reason, restore_data=self.order.restore_data or asked)

    def heed_revert(self) -> None:
        """Raises Unproven where HQ took it back."""
        said = heard(self.layout, self.order.run)
        if said.get("answer") == "revert":
            raise Unproven(f"HQ took it back: {said['reason']}")

    def accept(self) -> None:
        """The change is this node's own from now on."""
        if self.order.config_new:
            try:
                configuration.keep(self.layout, self.order.config_new)
            except (Unproven, Refused, OSError) as failure:
                return self.roll_back(f"the configuration cannot be kept: {failure}")
        if self.order.system_new:
            _packages().keep(self.layout, self.order.system_new)
        if self.order.config_new or self.order.system_new:
            self.reboot = due(self.layout)
        entry = {"sha": self.order.new, **identity(self.layout, self.order.new), "at": datetime.now(UTC).isoformat()}
        others = [known for known in proven(self.layout) if known["sha"] != self.order.new]
        write_json(self.layout, "proven.json", [*others, entry])
        self.conclude("confirmed")
        return prune(self.layout, keep={self.order.new, self.order.old or ""})

    def roll_back(self, reason: str) -> None:
        """Put the old things back and prove them; whatever asks us to stop in the middle of that is ignored."""
        _ignore_signals()
        log = last_log(self.layout)
        self.intend(reason)
        failed, self.health, self.restart_s = self.health.get("boot_id"), {}, None
        trouble = self.change_back()
        try:
            self.prove_old(failed)
        except (Unproven, OSError, subprocess.SubprocessError) as failure:
            trouble = "; ".join(filter(None, (str(failure), trouble)))
        if trouble:
            self.conclude("rollback-failed", f"{reason}; then what was before: {trouble}", log)
        else:
            self.conclude("rolled-back", reason, log)

    def prove_old(self, failed: str | None) -> None:
        """See what was before answer again; where that was nothing, nothing is to run. Raises Unproven."""
        if self.order.old:
            self.prove(self.order.old, failed)
        else:
            subprocess.run(self.layout.stop, capture_output=True, timeout=90, check=True)

    def conclude(self, state: str, reason: str = "", log: list[str] | None = None) -> None:
        """Write the last verdict; from then on nothing is open any more."""
        self.tell(state, reason, log)
        settle(self.layout)
        if self.order.config_new:
            configuration.forget(self.layout)
        prune_snapshots(self.layout)


def plan(layout: Layout, order: Order) -> Pending:
    """What an order would make pending. Raises Refused where there is nothing that could stay."""
    now = current(layout)
    new = order.release or now
    if new is None:
        raise Refused("missing", "no release runs here that could stay")
    return Pending(
        run=order.run,
        old=now,
        new=new,
        confirm_within=order.confirm_within,
        health_within=order.health_within,
        config_old=configuration.in_force(layout) if order.config else None,
        config_new=order.config,
        restore_data=order.restore_data,
        data_new=order.data,
        system_new=order.system,
    )


def _tried(what: str, undo: Callable[[Layout, str], None], layout: Layout, name: str) -> list[str]:
    """One part of the way back, and what did not work of it, in words."""
    try:
        undo(layout, name)
    except (Unproven, Refused, OSError) as failure:
        return [f"{what}: {failure}"]
    return []


def _packages() -> ModuleType:
    """What changes the packages: read only where an order is about them, since that is once a week."""
    from . import system  # noqa: PLC0415 - see above

    return system


def _ignore_signals() -> None:
    # Only a main thread may; in a session, whose threads these are, the connection's end is waited out.
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)


def _describe(status: int, answer: dict[str, Any]) -> str:
    if status == 0:
        return str(answer.get("error"))
    return f"it answers {status} {answer.get('status', '')}".strip()


def _name(said: dict[str, Any]) -> str:
    return f"version {said.get('version')} build {said.get('build')}"
