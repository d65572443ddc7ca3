"""The pilot's faults: each breaks one thing, waits for the alert and the recovery, and tells the times.

All clocks are this machine's: the lab's hosts, the ntfy receiver and this program share one.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from noc.errors import TimedOut
from noc.lab.hq import Headquarters
from noc.lab.lab import Lab

Message = dict[str, Any]
SERVICE = "clavitor.service"
SOCKET = "clavitor.socket"


@dataclass(frozen=True)
class Trial:
    """One fault and what followed, times in seconds since the fault.

    Attributes:
        fault: what was done, in words.
        alert_s: until the alert reached the receiver.
        alert: the alert's title.
        restored_s: until the cause was taken away by hand; None where the node mends itself.
        recovered_s: until the recovery's message reached the receiver.
    """

    fault: str
    alert_s: float
    alert: str
    restored_s: float | None
    recovered_s: float
    escalated_s: float | None = None


class Trials:
    """Faults on the nodes of a running pilot.

    Args:
        lab: the lab.
        hq: its HQ, installed and watching.
        topic: the ntfy topic.
        deadline_s: seconds that an alert or a recovery may take before the pilot fails.
    """

    def __init__(self, lab: Lab, hq: Headquarters, topic: str, deadline_s: float = 120) -> None:
        self.lab, self.hq, self.topic, self.deadline_s = lab, hq, topic, deadline_s

    def sigkill(self, node: str) -> Trial:
        """Kill the service with SIGKILL; systemd restarts it, the incident closes once the new process is steady."""
        with self._fault() as since:
            self._on(node, "systemctl", "kill", "--signal=KILL", "--kill-who=main", SERVICE)
            alert = self._alert(node, since)
            recovery = self._recovery(node, since)
        return self._trial("SIGKILL of the service; systemd restarts it", since, alert, recovery)

    def stop_and_mask(self, node: str) -> Trial:
        """Stop and mask the service: a clean stop pushes nothing, so the missed heartbeats must speak."""
        with self._fault() as since:
            self._on(node, "systemctl", "mask", "--runtime", "--now", SOCKET, SERVICE)
            try:
                alert = self._alert(node, since)
                escalation = self._wait(f"escalation of {node}", since, lambda m: m["priority"] == 5 and about(m, node))
            finally:
                self._on(node, "systemctl", "unmask", "--runtime", SOCKET, SERVICE)
                self._on(node, "systemctl", "start", SOCKET, SERVICE)
            restored = time.time()
            recovery = self._recovery(node, since)
        return self._trial("service stopped and masked; restored by hand after SEV1", since, alert, recovery,
                           restored=restored, escalation=escalation)  # fmt: skip

    def cut(self, node: str) -> Trial:
        """Pull the node's network cable until the alert has come, then plug it in again."""
        with self._fault() as since:
            self.lab.cut(node)
            try:
                alert = self._alert(node, since)
            finally:
                self.lab.heal(node)
            restored = time.time()
            recovery = self._recovery(node, since)
        return self._trial(
            "network cable pulled; plugged in after the alert", since, alert, recovery, restored=restored
        )

    @contextmanager
    def _fault(self) -> Iterator[float]:
        yield time.time()

    def _on(self, node: str, *argv: str) -> None:
        self.lab.exec(node, *argv, timeout_s=30).check_returncode()

    def _alert(self, node: str, since: float) -> Message:
        return self._wait(f"alert about {node}", since, lambda m: m["priority"] >= 4 and about(m, node))

    def _recovery(self, node: str, since: float) -> Message:
        return self._wait(f"recovery of {node}", since, lambda m: is_recovery(m) and about(m, node))

    def _wait(self, what: str, since: float, wanted: Callable[[Message], bool]) -> Message:
        end = time.monotonic() + self.deadline_s
        while time.monotonic() < end:
            for message in self.lab.ntfy_messages(self.topic):
                if message["received_at"] >= since and wanted(message):
                    return message
            time.sleep(0.1)
        raise TimedOut(f"no {what} within {self.deadline_s:.0f} s", fix="noc lab run -- noc incidents --all")

    def _trial(
        self,
        fault: str,
        since: float,
        alert: Message,
        recovery: Message,
        *,
        restored: float | None = None,
        escalation: Message | None = None,
    ) -> Trial:
        return Trial(
            fault=fault,
            alert_s=alert["received_at"] - since,
            alert=str(alert["title"]),
            restored_s=None if restored is None else restored - since,
            recovered_s=recovery["received_at"] - since,
            escalated_s=None if escalation is None else escalation["received_at"] - since,
        )


def is_recovery(message: Message) -> bool:
    """Whether a message tells of the end of incidents: a briefing is told at low priority as well."""
    return message["priority"] <= 3 and "-briefing-" not in str(message.get("sequence_id", ""))


def about(message: Message, node: str) -> bool:
    """Whether an alert's title or text names the node."""
    return node in f"{message.get('title', '')} {message.get('message', '')}"
